"""The sections of the configuration that say what a judge is, and which models it asks."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import Field, model_validator

from . import handbooks
from .config_types import ModelSpec, Name, PythonName, Section


class Price(Section):
    """US dollars for a million tokens."""

    input_per_mtok: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    output_per_mtok: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    cached_per_mtok: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Input that the provider reads from its cache; none: as other input."""


class ModelConfig(Section):
    """A model that judges may name."""

    model: ModelSpec
    concurrency: Annotated[int, Field(gt=0, le=1000)] = 16
    """Requests under way at once."""
    base_url: str | None = None
    """Of a gateway or a self-hosted model; else the provider's own."""
    headers: dict[str, str] = Field(default={}, repr=False)  # may hold credentials
    """Sent with every request."""
    api_key: str | None = Field(default=None, repr=False)
    """Of the provider; none: the environment's, such as `ANTHROPIC_API_KEY`."""
    settings: dict[str, Any] = Field(default={})
    """Passed to the provider as they are, such as `temperature`."""
    price: Price | None = None
    """What the model costs, where genai-prices does not know it or knows another price."""
    fallback: tuple[str, ...] = ()
    """Models, by name or as `provider:model`, that are asked in turn while this one is limited, overloaded or away."""


class Limits(Section):
    """Ceilings of one judgement. At one, the judge must give its verdict on what it has read."""

    turns: Annotated[int, Field(gt=0)] = 12
    """Answers of the model; those about the parts of a sweep are not counted."""
    tokens: Annotated[int, Field(gt=0)] = 200_000
    """Input plus output over all calls."""
    usd: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Money over all calls; every model that may be asked needs a known `price`. None: no limit of its own."""
    seconds: Annotated[float, Field(gt=0)] = 120
    """From its start, retries included."""


class JudgeConfig(Section):
    use: str | None = None
    """A ready-made judge, which decides instructions and values. `otel-judge scorers` lists them."""
    guidelines: tuple[str, ...] | None = None
    """Of `use: guidelines`: sentences, each one a rule to be kept."""
    name: Name
    """Goes out as `gen_ai.evaluation.name`. With `use`, the name of that where none is given."""
    instructions: Annotated[str, Field(min_length=1)] | None = None
    """With `{{ trace }}` the judge explores with span tools; without, it is one prompt. None with `use` or `python`."""
    model: str | None = None
    """A name under `models`, or `provider:model`. Required but for `python`."""
    python: PythonName | None = None
    """`module:name` of a scorer in Python, in place of instructions and a model. See docs/python-api.md."""
    type: Literal["bool", "int", "float", "str", "list", "dict"] | None = None
    """Type of the value, where it is not one of `values`."""
    items: Literal["bool", "int", "float", "str"] | None = None
    """Type of what a list or dict holds; none: any of these."""
    optional: bool = False
    """Null is an answer too: label `none`, no score."""
    values: tuple[str, ...] | dict[str, float] | None = None
    """Labels, or labels with their scores."""
    fields: dict[str, tuple[str, ...] | Literal["str", "int", "float", "bool", "span"]] | None = None
    """Of a dict, its fields: each a list of labels or a type. `span` is the id of a span, which has to be there."""
    label: str | None = None
    """The field that is the label; it lists its labels."""
    scale: tuple[int | float, int | float] | None = None
    """Lowest and highest number; what is outside is clamped, and the rationale says so."""
    threshold: float | None = None
    """Numbers from here up pass."""
    passing: tuple[str, ...] | None = Field(default=None, alias="pass")
    """Labels that pass; none given: `pass`, `yes` and `true`."""
    target: Literal["root", "session"] = "root"
    """What is judged: each trace, at its root; or all traces of a conversation together, at the last one's root."""
    reading: Literal["auto", "whole", "explore"] = "auto"
    """`whole` shows the judge all of the trace, `explore` a map and tools; `auto` decides by size."""
    sweep: bool = False
    """For judges that must show absence, such as of leaks. Every value of every span is read, of a long trace in parts,
    each in a request of some 12,000 tokens. What the limits leave unread is told, and passes nothing."""
    retries: Annotated[int, Field(ge=0, le=10)] = 1
    """How often a verdict that is missing or invalid is asked for again."""
    limits: Limits = Limits()
    evidence: Literal["quote", "span_id"] = "quote"
    """`span_id` keeps quotes out of the feedback: it cites spans and paths alone."""
    owner: Name | None = None
    """Goes out as `otel_judge.judge.owner` and as a metric label."""
    shadow_of: Name | None = None
    """A judge that this one runs beside, as a candidate: outside of pass rates, gates and the judges' metrics."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: object) -> object:
        return handbooks.fill_in(cast("dict[str, object]", given)) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _grades_somehow(self) -> JudgeConfig:
        if self.python is None:
            missing = [key for key in ("instructions", "model") if getattr(self, key) is None]
            if missing:
                raise ValueError(f"the judge has no {' and no '.join(missing)}")
        elif beside := sorted(self.model_fields_set - _PYTHON_KEYS):
            raise ValueError(f"`{beside[0]}` stands beside `python`, which takes {', '.join(sorted(_PYTHON_KEYS))}")
        return self


_PYTHON_KEYS = frozenset({"name", "python", "target", "limits", "owner"})


def check_shadows(judges: tuple[JudgeConfig, ...]) -> None:
    """Raises `ValueError` for a shadow whose primary is missing, is a shadow itself, or judges something else."""
    primaries = {judge.name: judge for judge in judges if judge.shadow_of is None}
    for judge in judges:
        if judge.shadow_of is None:
            continue
        who = f"judge {judge.name!r} is a shadow of {judge.shadow_of!r}"
        if (primary := primaries.get(judge.shadow_of)) is not None:
            if primary.target != judge.target:
                raise ValueError(f"{who}, whose target is {primary.target}; give both the same target")
            continue
        if any(other.name == judge.shadow_of for other in judges):
            raise ValueError(f"{who}, which is itself a shadow; name the judge that counts")
        known = ", ".join(sorted(primaries)) or "none are defined"
        raise ValueError(f"{who}, which is no judge here ({known})")
