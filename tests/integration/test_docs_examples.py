"""The examples of the docs run as they stand, one after the other, against a scripted model."""

from __future__ import annotations

import re
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pytest
from api_judges import a_trace, obliging

from otel_judge.otlp_json import encode_traces
from otel_judge.testing.model import ScriptedModel

ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class AnthropicConfig:
    """As AG2 1.2 documents it, as far as the examples go; AG2 itself is no dependency of ours."""

    model: str
    max_tokens: int = 4096
    api_key: str | None = None
    base_url: str | None = None
    temperature: float | None = None
    streaming: bool = False
    default_headers: dict[str, str] | None = None

    @property
    def provider(self) -> str:
        return "anthropic"


@pytest.mark.parametrize("page", ["docs/python-api.md", "docs/migrating.md", "README.md"])
def test_the_examples_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (tmp_path / "traces.jsonl", tmp_path / "traces" / "trace.json"):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(encode_traces(a_trace().to_otlp()))
    ag2 = types.ModuleType("ag2.config")
    ag2.AnthropicConfig = AnthropicConfig  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ag2", types.ModuleType("ag2"))
    monkeypatch.setitem(sys.modules, "ag2.config", ag2)
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    assert examples
    with ScriptedModel(obliging) as model:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-scripted-key")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", model.base_url)
        space: dict[str, object] = {"__name__": "example"}
        for number, example in enumerate(examples, 1):
            exec(compile(example, f"{page}, example {number}", "exec"), space)
    printed = capsys.readouterr().out
    assert model.requests
    assert printed
    assert "JudgeFailure" not in printed
