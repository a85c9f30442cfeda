"""Which models may see a trace: by an attribute of its resources. What is not allowed is denied."""

from __future__ import annotations

from collections.abc import Sequence

from ..attributes import Attributes
from ..config_egress import EgressConfig, same_model
from ..trace import Trace

_ANY = "*"
_SHOWN = 80  # characters of a value that a message shows


class EgressDenied(Exception):
    """No model of the judge may see the trace. Its text names the attribute and the value."""


class Egress:
    """What `egress` in the config says; None: every model may see every trace."""

    def __init__(self, config: EgressConfig | None = None) -> None:
        self._config = config

    def allowed(self, trace: Trace, chain: Sequence[str]) -> tuple[str, ...]:
        """Those models of the chain that every resource of the trace allows. Raises `EgressDenied` if there are none.

        It is asked about the trace as it came: redaction may hide the value.
        """
        left = tuple(chain)
        if self._config is None:
            return left
        for origin in dict.fromkeys(span.origin for span in trace.spans):
            named, said = self._of(origin.resource, self._config)
            allows = {same_model(name) for name in named}
            left = tuple(name for name in left if same_model(name) in allows)
            if not left:
                raise EgressDenied(
                    f"resource attribute {self._config.attribute} {said}: none of {', '.join(chain)} is allowed"
                )
        return left

    @staticmethod
    def _of(resource: Attributes, config: EgressConfig) -> tuple[Sequence[str], str]:
        """The models for a resource, and what it says."""
        value = resource.get(config.attribute)
        if value is None:
            return config.unset, "is not set"
        text = str(value).lower() if isinstance(value, bool) else str(value)
        shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
        return config.allow.get(text, config.allow.get(_ANY, ())), f"is {shown!r}"
