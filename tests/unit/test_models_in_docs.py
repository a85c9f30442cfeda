"""No example names a model that its SDK lists as deprecated, and no code names a model at all.

The scripted model is neither: it behaves as each generation does, and so has to know their names.
"""

from __future__ import annotations

import re
from pathlib import Path

from anthropic.resources.messages.messages import DEPRECATED_MODELS

REPOSITORY = Path(__file__).parents[2]
PLACES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "*.yaml", "docs/**/*.md", "deploy/**/*", "otel_judge/**/*")
GENERATIONS = REPOSITORY / "otel_judge/testing/anthropic_models.py"
MODEL = re.compile(r"\b(?:claude|gpt|gemini|o[134])-[a-z0-9][a-z0-9.@-]*", re.IGNORECASE)


def files() -> list[Path]:
    found = {path for place in PLACES for path in REPOSITORY.glob(place) if path.is_file()} - {GENERATIONS}
    return sorted(path for path in found if "__pycache__" not in path.parts)


def models_in(path: Path) -> set[str]:
    return {name.rstrip(".-").lower() for name in MODEL.findall(path.read_text(errors="replace"))}


def test_no_example_names_a_deprecated_model() -> None:
    found = {str(path): sorted(names) for path in files() if (names := models_in(path) & set(DEPRECATED_MODELS))}
    assert found == {}


def test_no_code_names_a_model() -> None:
    code = [path for path in files() if path.suffix == ".py"]
    assert len(code) > 10
    assert {str(path): sorted(names) for path in code if (names := models_in(path))} == {}


def test_the_scan_would_find_one(tmp_path: Path) -> None:
    example = tmp_path / "example.yaml"
    example.write_text("model: anthropic:claude-sonnet-4-0\n")
    assert models_in(example) & set(DEPRECATED_MODELS) == {"claude-sonnet-4-0"}
