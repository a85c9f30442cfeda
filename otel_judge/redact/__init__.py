"""Redaction: a trace to the trace that judges may see, with pseudonyms for secrets, cards, e-mail and what else.

    seen = await Redactor(config.redact).redact(trace)
    seen.trace            # a Trace: tools, prompts, evidence and feedback know no other
    seen.given(inputs)    # a caller's value, with the same pseudonyms

It works on protobuf messages, under every reader: attributes and their keys, names, status, events, links, scopes and
resources; strings, numbers and bytes; JSON within text, and JSON within that. If it fails, nothing may leave
(`RedactionFailed`).
"""

from .redactor import Redacted, RedactionFailed, Redactor, bare

__all__ = ["Redacted", "RedactionFailed", "Redactor", "bare"]
