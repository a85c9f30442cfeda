"""`agent_judge`: one criterion, one key, one number, with the arguments that AG2's users know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Unpack

from ..config_judges import JudgeConfig, Limits, ModelConfig
from ..feedback import Feedback
from .case import Case
from .model_judge import ModelJudge, Options, config_of
from .models import ModelLike, models_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from ..judge import Middleware

NO_VERDICT = "judge returned no verdict"

_CRITERION = """\
Grade one thing, and nothing else. The higher the number, the better it is met:

{criterion}

[What the user asked] {{{{ inputs }}}}
[The answer to grade] {{{{ outputs }}}}"""
_REFERENCE = """
[A reference answer] {{ expectations }}
The answer need not have the words of the reference. Where there is none, grade without."""
_TRACE = """
[What was done to get there] {{ trace }}
Grade by how it was done as well: the tools that were called, what they returned, and the errors."""

_OTHERWISE = {"inputs": "(what the user asked was not captured)", "expectations": "(there is none)"}


class AgentJudge(ModelJudge):
    """A judge of one criterion."""

    def __init__(
        self,
        config: JudgeConfig,
        models: tuple[ModelConfig, ...],
        *,
        include_reference: bool,
        **options: Unpack[Options],
    ) -> None:
        self.include_reference = include_reference
        super().__init__(config, models, **options)

    def _given(self, case: Case) -> dict[str, Any]:
        return {**super()._given(case), "expectations": (case.expectations or None) if self.include_reference else None}

    def _otherwise(self) -> Mapping[str, str]:
        return _OTHERWISE

    def _finish(self, feedback: Feedback) -> Feedback:
        threshold = self.config.threshold
        detail = feedback.detail
        if threshold is not None:
            detail = {**detail, "score": feedback.score, "at_least": threshold, "at_most": None}
        if feedback.error is None:
            return replace(feedback, detail=detail)
        if threshold is None:
            return replace(feedback, rationale=NO_VERDICT)
        return replace(feedback, rationale=NO_VERDICT, label="fail", passed=False, detail=detail)


def agent_judge(
    config: ModelLike,
    *,
    criterion: str,
    key: str,
    scale: tuple[float, float] = (0.0, 1.0),
    include_trace: bool = False,
    include_reference: bool = True,
    retries: int = 1,
    middleware: Iterable[Middleware] = (),
    threshold: float | None = None,
    limits: Limits | Mapping[str, Any] | None = None,
    reading: Literal["auto", "whole", "explore"] | None = None,
    own_spans: SpanExporter | None = None,
) -> ModelJudge:
    """A judge that grades one `criterion`, in plain words, with a number under `key`.

    - `config` is the model: `provider:model`, a `ModelConfig`, or an LLM config of AG2 (an object with `provider` and
      `model`, or a dict with `model` and `api_type`).
    - `scale`: lowest and highest score. What is outside is clamped, and the comment says so.
    - `include_trace`: how the agent went about it is graded too; the judge reads the trace, with tools where it is
      large. Without, it sees what was asked and the final answer, both from the trace where the call gives none.
    - `include_reference`: the reference answer (`reference_outputs` or `expectations`) goes into the prompt if there
      is one.
    - `retries`: how often a verdict that is missing or invalid is asked for again.
    - `middleware`: async functions around each request to the model, `response = await send(messages)`; `own_spans`
      takes the spans of the judge's own work. Tokens and cost are on each feedback.
    - `threshold`: scores from here up pass, and a missing verdict counts as a fail.

    Without a verdict the score is None, the comment `judge returned no verdict`, and `error` says why.
    Raises `InstructionsError` for what cannot work, such as an inverted scale.
    """
    where = f"judge {key!r}"
    text = _CRITERION.format(criterion=criterion.strip())
    text += (_REFERENCE if include_reference else "") + (_TRACE if include_trace else "")
    judge = config_of(
        where,
        name=key,
        instructions=text,
        model="main",
        type="float",
        scale=scale,
        threshold=threshold,
        retries=retries,
        limits=limits,
        reading=reading,
    )
    return AgentJudge(
        judge,
        models_of(config, where),
        include_reference=include_reference,
        description=criterion,
        middleware=middleware,
        own_spans=own_spans,
    )
