"""What an agent did, as facts that checks and judges stand on: each model call and each tool use once.

Every walk is iterative and linear in the size of the trace, whatever its depth.
"""

from __future__ import annotations

from .answer import FinalOutput, final_output, user_request
from .model_calls import ModelCall, TokenTotals, model_calls, token_totals
from .target import target_of
from .tool_calls import Place, ToolUse, tool_calls

__all__ = [
    "FinalOutput",
    "ModelCall",
    "Place",
    "TokenTotals",
    "ToolUse",
    "final_output",
    "model_calls",
    "target_of",
    "token_totals",
    "tool_calls",
    "user_request",
]
