"""What an agent did, as facts that checks and judges stand on: each model call and each tool use once.

Every walk is iterative and linear in the size of the trace, whatever its depth.
"""

from __future__ import annotations

from .answer import FinalOutput, final_output, last_model_span, outermost_agent, user_request
from .dialogue import dialogue
from .model_calls import ModelCall, TokenTotals, model_calls, token_totals
from .noise import repeated
from .places import Place
from .prices import Cost, cost_of
from .steps import AgentRun, ModelTurn, Said, Step, ToolStep, Trajectory, Work, failure_of
from .target import target_of
from .telling import steps
from .tool_calls import ToolUse, tool_calls
from .tool_matching import canonical
from .understanding import Understanding, Understood, understanding_of, understood

__all__ = [
    "AgentRun",
    "ModelTurn",
    "Said",
    "Step",
    "ToolStep",
    "Trajectory",
    "Work",
    "failure_of",
    "steps",
    "Cost",
    "FinalOutput",
    "ModelCall",
    "Place",
    "TokenTotals",
    "ToolUse",
    "Understanding",
    "Understood",
    "canonical",
    "dialogue",
    "cost_of",
    "final_output",
    "last_model_span",
    "model_calls",
    "outermost_agent",
    "repeated",
    "target_of",
    "token_totals",
    "tool_calls",
    "understanding_of",
    "understood",
    "user_request",
]
