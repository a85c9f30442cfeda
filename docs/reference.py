"""Writes the reference parts of the docs from the code: every config key, every metric.

python docs/reference.py            # rewrites docs/configuration.md and the table in docs/telemetry.md
python docs/reference.py --check    # exits 1 if they are not what the code says
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from otel_judge.config import LATER_KEYS, Config
from otel_judge.metrics import METRICS

DOCS = Path(__file__).parent
CONFIGURATION = DOCS / "configuration.md"
TELEMETRY = DOCS / "telemetry.md"
MARK = "<!-- metrics -->\n"

HEAD = """\
# Configuration

<!-- Written by docs/reference.py from otel_judge/config.py. -->

`otel-judge serve --config FILE`, else the file that `OTEL_JUDGE_CONFIG` names, else `otel-judge.yaml` in the working
directory, else the defaults: the checks run on every trace, and verdicts are printed. Durations are written as the
Collector writes them (`500ms`, `6s`, `1m30s`), sizes in MiB; `${env:NAME}` and `${env:NAME:-default}` work in every
value. An unknown key is an error that names the nearest right one. `otel-judge check FILE` validates a file.

| key | default | |
|---|---|---|
"""

VALUES = """
## What a judge's value becomes

| config | label | score | passes |
|---|---|---|---|
| `values: [a, b]` | the value | none | the labels under `pass`, else `pass`, `yes` and `true` |
| `values: {a: 1, b: 0.5}` | the value | its number | likewise |
| `type: bool` | `pass` or `fail` | 1 or 0 | `true` |
| a number with `threshold` | `pass` or `fail` | the number | from the threshold up |
| a number with `scale` alone | its fifth of the scale, such as `0.6-0.8` | the number | |
| a number with neither | `number` | the number | |
| `type: dict` with `fields` | the field that `label` names; all in `otel_judge.value` | none | those under `pass` |
| `type: str`, `list` or `dict` | `text`; the value itself stands in `otel_judge.value` | none | |
| null, with `optional: true` | `none` | none | |

Every judge may also say `not_judgeable`, with a reason and no score.

## Shadows and calibration

A judge with `shadow_of` runs beside its primary and counts nowhere; `calibration` names the file that says how far
judges agree with people. Both are told in [agreement.md](agreement.md).

## Keys of later versions

These are refused by name, never ignored: """


def main() -> int:
    telemetry = TELEMETRY.read_text(encoding="utf-8")
    wanted = {CONFIGURATION: configuration(), TELEMETRY: telemetry.split(MARK)[0] + MARK + metrics()}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.name} is not what the code says; run python docs/reference.py")
        return 1 if stale else 0
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
        print(f"wrote {path.name}")
    return 0


def configuration() -> str:
    schema: dict[str, Any] = Config.model_json_schema(by_alias=True)
    rows = "".join(
        f"| `{key}` | {default} | {text} |\n"
        for key, default, text in keys(schema, schema["$defs"], "", Config().model_dump(by_alias=True))
    )
    later = ", ".join(f"`{key}`" for key in sorted(LATER_KEYS))
    return f"{HEAD}{rows}{VALUES}{later}.\n"


def keys(node: dict[str, Any], definitions: dict[str, Any], path: str, default: Any) -> Iterator[tuple[str, str, str]]:
    """Every leaf key below a section, with its default and its description."""
    for name, entry in node.get("properties", {}).items():
        key = f"{path}.{name}" if path else name
        value = default.get(name, ...) if isinstance(default, dict) else entry.get("default", ...)
        below = list(sections(entry, definitions))
        text = describe(entry)
        if not below:
            yield key, show(value, entry), text
            continue
        if text:
            yield key, "", text
        for suffix, section in below:
            kind = section["properties"].get("type", {}).get("const")
            place = f"{key}{suffix}" + (f" ({kind})" if kind else "")
            own = value if isinstance(value, dict) and not suffix else None
            leaves = [leaf for leaf in keys(section, definitions, place, own) if not leaf[0].endswith(").type")]
            yield from leaves or [(place, "", describe(section))]


def sections(entry: dict[str, Any], definitions: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The sections that a key may hold: itself, each item of its list (`[]`), or each value of its map (`.NAME`)."""
    if "$ref" in entry:
        yield "", definitions[entry["$ref"].rsplit("/", 1)[1]]
    for option in (*entry.get("anyOf", ()), *entry.get("oneOf", ())):
        yield from sections(option, definitions)
    if "items" in entry:
        yield from (("[]" + suffix, section) for suffix, section in sections(entry["items"], definitions))
    if isinstance(entry.get("additionalProperties"), dict):
        yield from (
            (".NAME" + suffix, section) for suffix, section in sections(entry["additionalProperties"], definitions)
        )


def describe(entry: dict[str, Any]) -> str:
    return " ".join(entry.get("description", "").split()).replace("|", "\\|")


def show(value: Any, entry: dict[str, Any]) -> str:
    if value is ...:
        return "required"
    if value is None:
        return ""
    if value in ((), {}):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        unit = (
            "s" if "string" in (entry.get("type"), *(option.get("type") for option in entry.get("anyOf", ()))) else ""
        )
        return f"`{value:g}{unit}`"
    return f"`{value}`"


def metrics() -> str:
    table = "\n| metric | kind | unit | labels | |\n|---|---|---|---|---|\n"
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        table += f"| `{metric.name}` | {metric.kind} | {metric.unit} | {labels} | {metric.description} |\n"
    return table


if __name__ == "__main__":
    sys.exit(main())
