"""What a judge that must show absence has not read: without having read all, that it found nothing says nothing."""

from __future__ import annotations

from collections.abc import Iterator

from .. import dialects
from ..dialects.base import Blob
from ..trace import Trace
from .reading import Record
from .tools.answer import cut

ENOUGH = 0.98  # of the text; the rest may be ids and numbers that no tool shows
_NAMED = 8  # spans or blobs that are told by name
_MEDIA = 40  # characters of a media type, which comes from the trace


def unread(trace: Trace, record: Record, *, whole: bool) -> str | None:
    """In words, what was not read; None where all was. `whole`: the judge was shown the whole trace."""
    missing = list[str]()
    if not whole:
        coverage = record.coverage(trace)
        if coverage.bytes < ENOUGH:
            missing.append(f"{1 - coverage.bytes:.0%} of the text, {1 - coverage.spans:.0%} of the spans")
    if blobs := list(dict.fromkeys(_blobs(trace))):
        more = f" and {len(blobs) - _NAMED} more" if len(blobs) > _NAMED else ""
        missing.append(", ".join(blobs[:_NAMED]) + more)
    return "; ".join(missing) or None


def _blobs(trace: Trace) -> Iterator[str]:
    """Each image or other blob, once however often the conversation is repeated; with the span where it comes first."""
    known: set[Blob] = set()
    for span in trace.spans:
        content = dialects.read(span)
        for message in (*(content.input or ()), *(content.output or ())):
            for part in message.parts:
                if isinstance(part, Blob) and part not in known:
                    known.add(part)
                    yield f"{cut(part.media, _MEDIA)} in span {span.span_id}"
