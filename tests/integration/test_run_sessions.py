"""`otel-judge run` over a file in which conversations are mixed: each is judged as a whole, at the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from session_turns import SAID, a_turn, root_of
from test_run_cli import PRICE, otel_judge

from otel_judge.otlp_json import encode_traces
from otel_judge.testing.backend import Backend
from otel_judge.testing.model import Reply, Request, ScriptedModel, verdict

ORDER = [(1, "b"), (0, "a"), (2, "a"), (0, "b"), (1, "a")]  # turns as they stand in the file
CHATS = {"a": 3, "b": 2}


def turn(number: int, conversation: str) -> Any:
    return a_turn(number, conversation, seed=10 * list(CHATS).index(conversation) + number)


LAST = {conversation: turn(turns - 1, conversation) for conversation, turns in CHATS.items()}


def write(folder: Path, model: ScriptedModel, **sections: object) -> None:
    data = TracesData()
    for number, conversation in ORDER:
        data.resource_spans.extend(turn(number, conversation).trace().to_otlp().resource_spans)
    (folder / "traces.json").write_bytes(encode_traces(data))
    main = {"model": "anthropic:scripted", "base_url": model.base_url, "headers": {"x-api-key": "x"}, "price": PRICE}
    judge = {
        "name": "helped",
        "target": "session",
        "instructions": "Was the user of the {{ trace }} helped? {{ conversation }}",
        "values": ["pass", "fail"],
        "model": "main",
    }
    config = {"models": {"main": main}, "judges": [judge], "checks": ["answered"], **sections}
    (folder / "otel-judge.yaml").write_text(json.dumps(config))


def by_length(request: Request) -> Reply:
    turns = next(turns for turns in (3, 2, 1) if f"session of {turns} traces" in request.prompt)
    return verdict("pass" if turns == 3 else "fail", f"{turns} turns.")


def run(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    done = otel_judge("run", "traces.json", *arguments, "--json", "out.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "out.json").read_text())["traces"]


def labels(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Of the sessions, by the id of the last trace."""
    return {row["trace_id"]: each["label"] for row in rows if "turns" in row for each in row["feedback"]}


def test_each_conversation_is_judged_as_a_whole_after_all_traces(tmp_path: Path) -> None:
    with ScriptedModel(by_length) as model:
        write(tmp_path, model)
        rows = run(tmp_path, "--html", "out.html", "--junit", "out.xml")
        asked = [request.prompt for request in model.requests]
    singles, sessions = rows[: len(ORDER)], rows[len(ORDER) :]
    assert [row["trace_id"] for row in singles] == [turn(*each).trace_id for each in ORDER]
    assert all([each["name"] for each in row["feedback"]] == ["answered"] for row in singles)
    assert [(row["trace_id"], row["turns"]) for row in sessions] == [
        (LAST[chat].trace_id, [turn(number, chat).trace_id for number in range(CHATS[chat])]) for chat in ("b", "a")
    ]
    assert labels(rows) == {LAST["a"].trace_id: "pass", LAST["b"].trace_id: "fail"}
    assert [each["span_id"] for row in sessions for each in row["feedback"]] == [root_of(LAST["b"]), root_of(LAST["a"])]
    for prompt in asked:
        turns = 3 if "session of 3" in prompt else 2
        conversation = prompt.partition("[conversation]")[2]
        places = [conversation.index(said) for pair in SAID[:turns] for said in pair]
        assert places == sorted(places)
        assert [conversation.count(said) for pair in SAID[:turns] for said in pair] == [1] * 2 * turns
    page = (tmp_path / "out.html").read_text()
    assert "invoke_agent shop (session of 3)" in page
    assert (tmp_path / "out.xml").read_text().count('classname="helped"') == 2


def test_the_summary_counts_sessions_beside_traces_and_a_gate_holds_them(tmp_path: Path) -> None:
    with ScriptedModel(by_length) as model:
        write(tmp_path, model)
        done = otel_judge("run", "traces.json", "--fail-under", "helped=0.9", cwd=tmp_path)
    assert done.returncode == 1
    assert "5 traces, 10 spans, 2 sessions; 7 sampled for judging" in done.stdout
    assert "helped" in done.stderr


def test_conditions_choose_traces_and_so_what_sessions_are_of(tmp_path: Path) -> None:
    with ScriptedModel(by_length) as model:
        write(tmp_path, model)
        assert labels(run(tmp_path, "--where", "conversation=a")) == {LAST["a"].trace_id: "pass"}
        assert labels(run(tmp_path, "--trace-id", LAST["a"].trace_id)) == {LAST["a"].trace_id: "fail"}


def test_a_sample_draws_whole_conversations(tmp_path: Path) -> None:
    with ScriptedModel(by_length) as model:
        write(tmp_path, model)
        turns = [row["turns"] for row in run(tmp_path, "--sample", "1") if "turns" in row]
    assert len(turns) == 1
    assert len(turns[0]) in CHATS.values()


def test_a_dry_run_estimates_sessions_and_asks_nobody(tmp_path: Path) -> None:
    with ScriptedModel([]) as model:
        write(tmp_path, model)
        done = otel_judge("run", "traces.json", "--dry-run", cwd=tmp_path)
        assert model.requests == []
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("helped")]
    assert line.split()[2] == "2"


def test_what_was_judged_is_not_paid_twice_and_what_money_is_too_short_for_is_judged_later(tmp_path: Path) -> None:
    with ScriptedModel(by_length) as model:
        write(tmp_path, model)
        none = run(tmp_path, "--resume", "run.jsonl", "--max-usd", "0.000001")
        assert set(labels(none).values()) == {"failed"}
        first = run(tmp_path, "--resume", "run.jsonl")
        asked = len(model.requests)
        assert labels(run(tmp_path, "--resume", "run.jsonl")) == labels(first)
        assert asked == len(model.requests) == 2


def test_feedback_that_is_written_back_links_the_turns(tmp_path: Path) -> None:
    with ScriptedModel(by_length) as model, Backend() as backend:
        write(tmp_path, model, exporters={"otlp": {"endpoint": backend.endpoint}})
        run(tmp_path, "--where", "conversation=b", "--emit")
        (score,) = [each for each in backend.spans() if each.attributes.get("gen_ai.evaluation.name") == "helped"]
    assert (score.record.trace_id.hex(), score.record.parent_span_id.hex()) == (LAST["b"].trace_id, root_of(LAST["b"]))
    assert (turn(0, "b").trace_id, root_of(turn(0, "b"))) in {
        (link.trace_id.hex(), link.span_id.hex()) for link in score.record.links
    }


def test_agree_takes_verdicts_about_sessions_from_results(tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").write_text(
        json.dumps({"trace_id": LAST["a"].trace_id, "label": "pass", "name": "helped"})
    )
    with ScriptedModel(by_length) as model:
        write(tmp_path, model)
        refused = otel_judge("agree", "traces.json", "--labels", "labels.jsonl", cwd=tmp_path)
        run(tmp_path)
        done = otel_judge("agree", "--labels", "labels.jsonl", "--results", "out.json", "--json", "-", cwd=tmp_path)
    assert refused.returncode == 2
    assert "give that FILE to --results" in refused.stderr
    (compared,) = json.loads(done.stdout)["judges"]
    assert (compared["judge"], compared["confusion"]) == ("helped", [[1]])
