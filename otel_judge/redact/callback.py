"""Texts to a local service and back: what patterns cannot know, such as names of people."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Sequence
from typing import cast
from urllib.parse import urlsplit

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from ..config_egress import RedactCallback
from .texts import edited

_BATCH_TEXTS = 1_000
_BATCH_BYTES = 1024 * 1024
_LONGEST_ANSWER = 64 * 1024 * 1024  # bytes


class CallbackFailed(Exception):
    """The service did not answer as it must. Its text holds nothing of what was sent."""


def ask(config: RedactCallback, texts: Sequence[str]) -> dict[str, str]:
    """What each text becomes. Blocks. Raises `CallbackFailed`."""
    answers: dict[str, str] = {}
    for batch in _batches(texts):
        answers.update(zip(batch, _post(config, batch), strict=True))
    return answers


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch, size = list[str](), 0
    for text in texts:
        if batch and (len(batch) >= _BATCH_TEXTS or size + len(text) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def _post(config: RedactCallback, texts: list[str]) -> list[str]:
    url = urlsplit(config.url)
    # Neither proxies nor redirects are followed: what is sent stays on this machine.
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=config.timeout)
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        body = json.dumps({"texts": texts}).encode()
        connection.request("POST", target, body, {"Content-Type": "application/json"})
        with connection.getresponse() as response:
            if response.status != 200:
                raise CallbackFailed(f"the callback answered with status {response.status}")
            data = response.read(_LONGEST_ANSWER)
    except (OSError, http.client.HTTPException) as error:
        raise CallbackFailed(f"the callback did not answer ({type(error).__name__})") from None
    finally:
        connection.close()
    return _read(data, len(texts))


def _read(data: bytes, count: int) -> list[str]:
    try:
        answer: object = json.loads(data)
    except (ValueError, RecursionError):
        raise CallbackFailed("the callback's answer is not JSON") from None
    texts = cast("dict[str, object]", answer).get("texts") if isinstance(answer, dict) else None
    if not isinstance(texts, list):
        raise CallbackFailed('the callback\'s answer has no list "texts"')
    items = cast("list[object]", texts)
    if len(items) != count:
        raise CallbackFailed(f"the callback gave {len(items)} texts for {count}")
    given = [item for item in items if isinstance(item, str)]
    if len(given) != count:
        raise CallbackFailed("the callback gave a text that is no string")
    return [item.encode("utf-8", "replace").decode() for item in given]


class Collector:
    """An editor that changes nothing, and keeps the texts that the service is to be asked about."""

    def __init__(self) -> None:
        self.texts: dict[str, None] = {}

    def text(self, text: str) -> str:
        edited(text.encode("utf-8", "surrogatepass"), self)
        return text

    secret_text = text

    def data(self, data: bytes) -> bytes:
        self.text(data.decode("utf-8", "replace"))
        return data

    def number_text(self, _text: str) -> None:
        return None

    def denied(self, _key: str, _value: AnyValue) -> None:
        return None

    def leaf(self, data: bytes) -> bytes:
        if text := data.decode("utf-8", "replace").strip():
            self.texts[text] = None
        return data

    secret = leaf

    def number(self, _data: bytes) -> None:
        return None

    def across(self, data: bytes) -> bytes:
        return data

    def telling(self, _key: str) -> bool:
        return False


class Answered(Collector):
    """An editor that puts in what the service has answered."""

    def __init__(self, answers: dict[str, str]) -> None:
        super().__init__()
        self._answers = answers

    def text(self, text: str) -> str:
        return edited(text.encode("utf-8", "surrogatepass"), self).decode("utf-8", "surrogatepass")

    secret_text = text

    def data(self, data: bytes) -> bytes:
        text = data.decode("utf-8", "replace")
        made = self.text(text)
        return data if made == text else made.encode()

    def leaf(self, data: bytes) -> bytes:
        whole = data.decode("utf-8", "replace")
        text = whole.strip()
        made = self._answers.get(text, text)
        return data if made == text else whole.replace(text, made).encode()

    secret = leaf
