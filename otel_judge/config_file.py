"""Reading otel-judge.yaml: finds the file, fills in `${env:NAME}`, and says each error with its line and its mend."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import yaml
from pydantic import ValidationError

from .config import CHECK_TYPES, LATER_KEYS, Config
from .errors import ConfigError

DEFAULT_NAME = "otel-judge.yaml"
Place: TypeAlias = tuple[str | int, ...]

_ENV = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def load(path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """The config of `path`, else of `OTEL_JUDGE_CONFIG`, else of otel-judge.yaml here, else the defaults.

    Raises `ConfigError`.
    """
    named = path or environ.get("OTEL_JUDGE_CONFIG")
    file = Path(named or DEFAULT_NAME)
    if not named and not file.exists():
        return Config()
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(str(file), "no such file", "name an existing one with --config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), f"cannot be read: {error}") from error
    return parse(text, source=str(file), environ=environ)


def parse(text: str, *, source: str = DEFAULT_NAME, environ: Mapping[str, str] = os.environ) -> Config:
    """The config of a YAML text; `source` is the name that errors give it. Raises `ConfigError`."""
    try:
        node = yaml.compose(text, Loader=_Loader)  # pyright: ignore[reportUnknownMemberType]
        document: object = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{source}{line}", f"not YAML: {error.problem or error}") from None
    except yaml.YAMLError as error:
        raise ConfigError(source, f"not YAML: {' '.join(str(error).split())}") from None
    if document is None:
        return Config()
    if not isinstance(document, dict):
        raise ConfigError(source, "not a mapping of keys", "start with a key such as `judges:`")
    where = _Places(source, node)
    filled = _fill(cast("object", document), environ, where, ())
    _refuse_later_keys(filled, where)
    try:
        return Config.model_validate(filled)
    except ValidationError as error:
        raise _config_error(error, where) from None


class _Loader(yaml.SafeLoader):
    """Reads `yes`, `no`, `on` and `off` as words, as YAML 1.2 does: labels and keys are often called so."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, re.compile(r"true|True|TRUE|false|False|FALSE") if tag == "tag:yaml.org,2002:bool" else pattern)
        for tag, pattern in resolvers
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Places:
    """Says where in the file a key stands."""

    def __init__(self, source: str, root: yaml.Node | None) -> None:
        self._source = source
        self._root = root

    def __call__(self, place: Place) -> str:
        line, key = self._find(place)
        return f"{self._source}{f':{line}' if line else ''}{f': {key}' if key else ''}"

    def _find(self, place: Place) -> tuple[int | None, str]:
        node = self._root
        line = None
        key = ""
        for depth, step in enumerate(place):
            value: yaml.Node | None = None
            if isinstance(node, yaml.MappingNode):
                entries = cast("list[tuple[yaml.ScalarNode, yaml.Node]]", node.value)
                entry = next((entry for entry in entries if entry[0].value == str(step)), None)
                if entry:
                    line, value = entry[0].start_mark.line + 1, entry[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                value = cast("list[yaml.Node]", node.value)[step]
                line = value.start_mark.line + 1
            if value is not None:
                node = value
            elif depth < len(place) - 1:
                continue  # a step of the schema's own, such as the tag of a union
            key += f"[{step}]" if isinstance(step, int) else f".{step}" if key else str(step)
        return line, key


def _fill(value: object, environ: Mapping[str, str], where: _Places, place: Place) -> object:
    """Replaces `${env:NAME}` and `${env:NAME:-default}` in every string."""
    if isinstance(value, str) and "${" in value:
        return _fill_text(value, environ, where, place)
    if isinstance(value, dict):
        entries = cast("dict[object, object]", value).items()
        return {str(key): _fill(item, environ, where, (*place, str(key))) for key, item in entries}
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [_fill(item, environ, where, (*place, i)) for i, item in enumerate(items)]
    return value


def _fill_text(text: str, environ: Mapping[str, str], where: _Places, place: Place) -> str:
    def replace(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = environ.get(name) or default
        if found is None:
            raise ConfigError(
                where(place), f"the environment variable {name} is not set", f"set it or write ${{env:{name}:-default}}"
            )
        return found

    return _ENV.sub(replace, text)


def _refuse_later_keys(document: object, where: _Places) -> None:
    for place in _key_places(document, ()):
        if _generic(place) in LATER_KEYS:
            raise ConfigError(where(place), "this version does not honour this key yet", "remove it")


def _key_places(value: object, place: Place) -> Iterator[Place]:
    if isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            yield (*place, key)
            yield from _key_places(item, (*place, key))
    elif isinstance(value, list):
        for i, item in enumerate(cast("list[object]", value)):
            yield from _key_places(item, (*place, i))


def _generic(place: Place) -> str:
    """The place as `LATER_KEYS` writes it: `judges[].limits.usd`, `models.*.price`, `checks[].on`."""
    text = ""
    for depth, step in enumerate(place):
        if isinstance(step, int):
            text += "[]"
        elif depth == 1 and place[0] == "models":
            text += ".*"
        elif depth == 2 and place[0] == "checks" and step in CHECK_TYPES:
            continue  # `- {latency: {on: sampled}}` is short for `- {type: latency, on: sampled}`
        else:
            text += f".{step}" if text else str(step)
    return text


def _config_error(error: ValidationError, where: _Places) -> ConfigError:
    """One problem as one line, and how many more there are. An unknown key goes first: it often causes others."""
    problems = sorted(
        error.errors(include_url=False, include_input=False), key=lambda p: p["type"] != "extra_forbidden"
    )
    first = problems[0]
    place: Place = first["loc"]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(place[-1]), _siblings(place), n=1)
        mend = f"did you mean {near[0]!r}?" if near else f"the keys here are {', '.join(_siblings(place))}"
        return ConfigError(where(place), f"unknown key{more}", mend)
    if first["type"] == "missing":
        return ConfigError(where(place), f"this key is missing{more}")
    if first["type"] == "union_tag_invalid":
        context = first.get("ctx", {})
        expected = [tag.strip(" '") for tag in str(context.get("expected_tags", "")).split(",")]
        near = difflib.get_close_matches(str(context.get("tag")), expected, n=1)
        mend = f"did you mean {near[0]!r}?" if near else f"the types here are {', '.join(expected)}"
        return ConfigError(where(place), f"unknown type {context.get('tag')!r}{more}", mend)
    message = first["msg"].removeprefix("Value error, ")
    return ConfigError(where(place), f"{message[:1].lower()}{message[1:]}{more}")


def _siblings(place: Place) -> Sequence[str]:
    """The keys that are allowed where the last step of `place` stands."""
    schema: Any = Config.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = schema["$defs"]

    def resolve(node: Any) -> list[Any]:
        if "$ref" in node:
            return resolve(definitions[node["$ref"].rsplit("/", 1)[1]])
        options = node.get("anyOf") or node.get("oneOf")
        return [found for option in options for found in resolve(option)] if options else [node]

    nodes = [schema]
    for step in place[:-1]:
        following: list[Any] = [
            node for node in nodes if node.get("properties", {}).get("type", {}).get("const") == step
        ]
        if len(nodes) > 1 and following:
            nodes = following  # the step is the tag of a union
            continue
        following = []
        for node in nodes:
            if isinstance(step, int):
                following += [node["items"]] if "items" in node else []
            elif step in node.get("properties", {}):
                following.append(node["properties"][step])
            elif isinstance(node.get("additionalProperties"), dict):
                following.append(node["additionalProperties"])
        nodes = [found for node in following for found in resolve(node)]
    return list(dict.fromkeys(key for node in nodes for key in node.get("properties", {})))
