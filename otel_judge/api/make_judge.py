"""`make_judge`: a judge of instructions, with the arguments that MLflow's users know."""

from __future__ import annotations

import types
import typing
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from ..config_judges import Limits, ModelConfig, Price
from ..errors import InstructionsError
from ..feedback import Value
from .model_judge import ModelJudge, config_of
from .models import checked, models_of, settings_of, spec_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from ..judge import Middleware

_PRIMITIVES: Mapping[object, str] = {bool: "bool", int: "int", float: "float", str: "str"}


def make_judge(  # noqa: PLR0917 - the order is MLflow's
    name: str,
    instructions: str,
    model: str | ModelConfig | None = None,
    description: str | None = None,
    feedback_value_type: Any = None,
    inference_params: Mapping[str, Any] | None = None,
    base_url: str | None = None,
    extra_headers: Mapping[str, str] | None = None,
    include_timing_in_conversation: bool = False,  # noqa: FBT001, FBT002
    generate_rationale_first: bool = True,  # noqa: FBT001, FBT002, ARG001 - the rationale always comes first
    model_api: Literal["default", "chat_completions"] | str = "default",
    *,
    values: Sequence[str] | Mapping[str, float] | None = None,
    passing: Sequence[str] | None = None,
    scale: tuple[float, float] | None = None,
    threshold: float | None = None,
    target: Literal["root", "session"] | None = None,
    reading: Literal["auto", "whole", "explore"] | None = None,
    sweep: bool | None = None,
    retries: int | None = None,
    limits: Limits | Mapping[str, Any] | None = None,
    price: Price | Mapping[str, float] | None = None,
    fallback: Sequence[str | ModelConfig] = (),
    concurrency: int | None = None,
    owner: str | None = None,
    middleware: Iterable[Middleware] = (),
    own_spans: SpanExporter | None = None,
) -> ModelJudge:
    """A judge that is called as `judge(trace=…)`, `judge(inputs=…, outputs=…, expectations=…)` or `judge(session=[…])`.

    - `instructions` use at least one of `{{ inputs }}`, `{{ outputs }}`, `{{ expectations }}`, `{{ trace }}` and
      `{{ conversation }}`. With `{{ trace }}` the judge explores the trace with span tools; without, it is one prompt.
    - `model` is `provider:model` or `provider:/model`, or a `ModelConfig`.
    - `feedback_value_type`: str (as in MLflow the default), int, float, bool, an Optional of these, `Literal[…]`,
      `dict[str, …]` or `list[…]` of these. In its place `values`, `scale` and `threshold` say it as the config does.
    - `inference_params`, `base_url` and `extra_headers` go with each request. `own_spans` takes the spans of the
      judge's own work, and `middleware` stands around each request.
    - `values`, `passing`, `scale`, `threshold`, `target`, `reading`, `sweep`, `retries`, `limits` and `owner` are the
      keys under `judges:`, `price`, `fallback` and `concurrency` those under `models:`, in docs/configuration.md.

    Raises `InstructionsError` for what cannot work. A model that cannot be asked fails when the judge is called.
    """
    where = f"judge {name!r}"
    if include_timing_in_conversation:
        raise InstructionsError(
            where, "`include_timing_in_conversation` is not offered", "use {{ trace }}, where durations are shown"
        )
    said_otherwise = any(each is not None for each in (values, scale, threshold))
    grade, literals = _value_type(where, feedback_value_type, said_otherwise=said_otherwise)
    models = _models(where, model, str(getattr(model_api, "value", model_api)), fallback)
    given: dict[str, Any] = {
        "base_url": base_url,
        "concurrency": concurrency,
        "price": price,
        "headers": dict(extra_headers or {}) or None,
        "settings": settings_of(inference_params or {}) or None,
    }
    own = {key: value for key, value in given.items() if value is not None}
    if own:
        fields = dict(models[0])
        for key in ("headers", "settings"):
            own[key] = {**fields[key], **own.get(key, {})}
        models = (checked(where, **{**fields, **own}), *models[1:])
    config = config_of(
        where,
        name=name,
        instructions=instructions,
        model="main",
        **{
            "values": values if values is None or isinstance(values, Mapping) else tuple(values),
            "pass": None if passing is None else tuple(passing),
            "scale": scale,
            "threshold": threshold,
            **grade,
        },
        target=target,
        reading=reading,
        sweep=sweep,
        retries=retries,
        limits=limits,
        owner=owner,
    )
    return ModelJudge(
        config,
        models,
        description=description or "",
        literals=literals,
        middleware=middleware,
        own_spans=own_spans,
    )


def _models(
    where: str, model: str | ModelConfig | None, model_api: str, fallback: Sequence[str | ModelConfig]
) -> tuple[ModelConfig, ...]:
    if model is None:
        raise InstructionsError(where, "no model is named", 'give model="provider:model", such as anthropic:NAME')
    if isinstance(model, str):
        model = spec_of(model)
    if model_api == "chat_completions":
        if isinstance(model, str) and model.startswith("openai:"):
            model = f"openai-chat:{model.removeprefix('openai:')}"
    elif model_api != "default":
        raise InstructionsError(
            where, f"`model_api` {model_api!r} is not offered", "use default or chat_completions: a judge gives reasons"
        )
    return tuple(each for named in (model, *fallback) for each in models_of(named, where))


def _value_type(where: str, wanted: Any, *, said_otherwise: bool) -> tuple[dict[str, Any], dict[str, Value]]:
    """The keys of a config that ask for a type of Python, and the values of its labels where they are no strings."""
    if wanted is None:
        return ({} if said_otherwise else {"type": "str"}), {}
    inner = _without_none(wanted)
    grade, literals = _required(where, inner, wanted)
    if inner is not wanted:
        grade["optional"] = True
    return grade, literals


def _required(where: str, inner: Any, wanted: Any) -> tuple[dict[str, Any], dict[str, Value]]:
    if isinstance(inner, Hashable) and inner in _PRIMITIVES:
        return {"type": _PRIMITIVES[inner]}, {}
    if get_origin(inner) is Literal:
        return _labels(where, get_args(inner))
    kind = get_origin(inner) or inner
    if kind in (list, dict):
        held = get_args(inner)
        items = held[-1] if held else None
        if (items in (None, Any) or items in _PRIMITIVES) and (kind is list or not held or held[0] is str):
            return {"type": kind.__name__, "items": _PRIMITIVES.get(items)}, {}
    raise InstructionsError(
        where,
        f"`feedback_value_type` {wanted!r} is no type of a grade",
        "use str, int, float, bool, an Optional of these, Literal[…], dict[str, …] or list[…] of these",
    )


def _labels(where: str, literals: tuple[Any, ...]) -> tuple[dict[str, Any], dict[str, Value]]:
    if all(isinstance(literal, str) for literal in literals):
        return {"values": literals}, {}
    if any(not isinstance(literal, bool | int | float | str) for literal in literals):
        raise InstructionsError(where, "`feedback_value_type` has a literal that is no grade", "use text and numbers")
    labels = {str(literal).lower() if isinstance(literal, bool) else str(literal): literal for literal in literals}
    scored = all(isinstance(literal, int | float) for literal in literals)
    return {"values": {label: float(value) for label, value in labels.items()} if scored else tuple(labels)}, labels


def _without_none(wanted: Any) -> Any:
    """What an Optional holds; anything else as it is."""
    if get_origin(wanted) not in (typing.Union, types.UnionType):
        return wanted
    held = [each for each in get_args(wanted) if each is not types.NoneType]
    return held[0] if len(held) == 1 else wanted
