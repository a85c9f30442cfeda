"""Files of results that are made while rows come: the same as if all had been held, and whole or not there."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from verdicts_and_labels import failed, trace_id, unjudgeable, verdict

from otel_judge.errors import SourceError
from otel_judge.feedback import Feedback
from otel_judge.results import Document, Journal, JUnit, Results, Row, check_writable, load, write_file

SAYING = st.text(max_size=12) | st.sampled_from(["\n    ", '"}', "</testcase>", "\u2028"])
KINDS = {"pass": verdict, "-": failed, "?": unjudgeable}


def row(number: int, *feedback: Feedback) -> Row:
    return Row(trace_id(number), "root", 3, feedback=list(feedback), number=number)


@given(st.data(), st.lists(st.tuples(st.sampled_from(sorted(KINDS)), SAYING), max_size=6))
def test_a_document_of_rows_in_any_order_is_that_of_all_rows(data: st.DataObject, given: list[tuple[str, str]]) -> None:
    rows = [
        row(n, verdict(n, rationale=said) if kind == "pass" else KINDS[kind](n)) for n, (kind, said) in enumerate(given)
    ]
    results = Results.of(rows, ["task"])
    document, junit = Document(), JUnit()
    for each in data.draw(st.permutations(rows)):
        document.add(each)
        junit.add(each)
    summaries = results.summaries.values()
    shadows = [{"shadow": "b"}]
    whole = {
        "summary": {each.name: each.as_dict() for each in summaries},
        "by": {"service": {"shop": {each.name: each.as_dict() for each in summaries}}},
        "shadows": shadows,
        "traces": [each.as_dict() for each in rows],
    }
    made = b"".join(document.chunks(summaries, shadows, {"service": {"shop": summaries}}))
    assert made == orjson.dumps(whole, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    suites = ET.fromstring(b"".join(junit.chunks()))
    cases = [case.get("name") for suite in suites for case in suite]
    assert cases == [f"root {each.trace_id}" for each in rows]
    for suite in suites:
        counted = [suite.get(name) for name in ("tests", "failures", "errors", "skipped")]
        tags = [case[0].tag for case in suite]
        assert counted == [str(len(tags)), *(str(tags.count(tag)) for tag in ("failure", "error", "skipped"))]


@pytest.mark.parametrize("odd", ["\ud800", float("nan"), 2**70, {1, 2}, {"a": object()}, {1: "a number as a key"}])
def test_what_json_cannot_say_costs_no_row(odd: object, tmp_path: Path) -> None:
    rows = [row(0, verdict(0, rationale="\ud800", detail={"odd": odd})), row(1, verdict(1))]
    Results.of(rows).save(tmp_path / "out.json")
    journal = Journal(tmp_path / "journal.jsonl")
    for each in rows:
        journal.add(each)
    journal.close()
    for name in ("out.json", "journal.jsonl"):
        assert [each.trace_id for each in load(tmp_path / name).rows] == [trace_id(0), trace_id(1)]


def broken(error: BaseException) -> Iterator[bytes]:
    yield b"half of "
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SourceError("temporary file", "full"), OSError(28, "full")])
@pytest.mark.parametrize("before", [None, b"all that was there"])
def test_a_file_whose_writing_breaks_off_is_as_it_was(
    error: BaseException, before: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "out.json"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises((KeyboardInterrupt, SourceError)):
        write_file(path, broken(error))
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ([] if before is None else [before])


def test_a_file_keeps_its_mode_and_a_link_its_place(tmp_path: Path) -> None:
    there, link = tmp_path / "there.json", tmp_path / "link.json"
    there.write_bytes(b"old")
    there.chmod(0o640)
    link.symlink_to(there)
    write_file(link, [b"n", b"ew"])
    assert (there.read_bytes(), there.stat().st_mode & 0o777, link.is_symlink()) == (b"new", 0o640, True)


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    check_writable(pipe)
    write_file(pipe, [b"a", b"b"])
    reader.join(10)
    assert (read, pipe.is_fifo()) == ([b"ab"], True)
    out, into = os.pipe()
    write_file(Path(f"/dev/fd/{into}"), [b"a", b"b"])  # as a shell names what it reads itself
    os.close(into)
    with os.fdopen(out, "rb") as said:
        assert said.read() == b"ab"


def test_where_nothing_can_be_written_it_is_said_before_and_nothing_is_left(tmp_path: Path) -> None:
    check_writable(tmp_path / "new.json")
    for path in (tmp_path, tmp_path / "none" / "out.json", tmp_path / "file" / "out.json"):
        (tmp_path / "file").touch()
        with pytest.raises(SourceError, match="cannot be written"):
            check_writable(path)
        with pytest.raises(SourceError, match="cannot be written"):
            write_file(path, [b"x"])
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_said_with_what_waits_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(SourceError, match="temporary file: No such file or directory; results wait there"):
        Document().add(row(0, verdict(0)))
    assert json.loads(b"".join(Document().chunks([])))["traces"] == []
