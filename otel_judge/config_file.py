"""Reading otel-judge.yaml: finds the file, fills in `${env:NAME}`, and says each error with its line and its mend."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from pydantic import BaseModel, ValidationError

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
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document: object = yaml.safe_load(text)
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
    filled = _fill(document, environ, where, ())
    _refuse_later_keys(filled, where)
    try:
        return Config.model_validate(filled)
    except ValidationError as error:
        raise _config_error(error, where) from None


class _Places:
    """Says where in the file a key stands."""

    def __init__(self, source: str, root: yaml.Node | None) -> None:
        self._source = source
        self._root = root

    def __call__(self, place: Place) -> str:
        line = self._line(place)
        key = _dotted(place)
        return f"{self._source}{f':{line}' if line else ''}{f': {key}' if key else ''}"

    def _line(self, place: Place) -> int | None:
        node: Any = self._root
        line = None
        for step in place:
            if isinstance(node, yaml.MappingNode):
                entry = next((pair for pair in node.value if pair[0].value == str(step)), None)  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType,reportUnknownArgumentType]
                if entry is None:
                    continue  # a step of the schema's own, such as the tag of a union
                line = entry[0].start_mark.line + 1
                node = entry[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):  # pyright: ignore[reportUnknownMemberType,reportUnknownArgumentType]
                node = node.value[step]  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
                line = node.start_mark.line + 1  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
        return line


def _dotted(place: Place) -> str:
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def _fill(value: Any, environ: Mapping[str, str], where: _Places, place: Place) -> Any:
    """Replaces `${env:NAME}` and `${env:NAME:-default}` in every string."""
    if isinstance(value, dict):
        return {str(key): _fill(item, environ, where, (*place, str(key))) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
    if isinstance(value, list):
        return [_fill(item, environ, where, (*place, i)) for i, item in enumerate(value)]  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
    if not isinstance(value, str) or "${" not in value:
        return value

    def replace(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = environ.get(name) or default
        if found is None:
            raise ConfigError(
                where(place), f"the environment variable {name} is not set", f"set it or write ${{env:{name}:-default}}"
            )
        return found

    filled = _ENV.sub(replace, value)
    # A value that is nothing but a variable keeps the type that it would have if it stood in the file.
    return yaml.safe_load(filled) if _ENV.fullmatch(value) and filled != value else filled


def _refuse_later_keys(document: Any, where: _Places) -> None:
    for place in _key_places(document, ()):
        if _generic(place) in LATER_KEYS:
            raise ConfigError(where(place), "this version does not honour this key yet", "remove it")


def _key_places(value: Any, place: Place) -> list[Place]:
    places: list[Place] = []
    if isinstance(value, dict):
        for key, item in value.items():  # pyright: ignore[reportUnknownVariableType]
            here = (*place, str(key))  # pyright: ignore[reportUnknownArgumentType]
            places += [here, *_key_places(item, here)]
    elif isinstance(value, list):
        for i, item in enumerate(value):  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
            places += _key_places(item, (*place, i))
    return places


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
    """The first problem as one line; how many more there are at its end."""
    problems = error.errors(include_url=False, include_input=False)
    first = problems[0]
    place: Place = first["loc"]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(place[-1]), _siblings(place), n=1)
        mend = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(_siblings(place))}"
        return ConfigError(where(place), f"unknown key{more}", mend)
    if first["type"] == "missing":
        return ConfigError(where(place[:-1]), f"the key {str(place[-1])!r} is missing{more}")
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
        following: list[Any] = []
        for node in nodes:
            if isinstance(step, int):
                following += [node["items"]] if "items" in node else []
            elif step in node.get("properties", {}):
                following.append(node["properties"][step])
            elif isinstance(node.get("additionalProperties"), dict):
                following.append(node["additionalProperties"])
            elif node.get("properties", {}).get("type", {}).get("const") == step:
                following.append(node)  # the tag of a union
        nodes = [found for node in following for found in resolve(node)]
    return list(dict.fromkeys(key for node in nodes for key in node.get("properties", {})))


def describe(model: BaseModel) -> str:
    """A section as YAML, secrets left out; for logs and `otel-judge check`."""
    return yaml.safe_dump(model.model_dump(by_alias=True, exclude={"headers"}), sort_keys=False)
