import logging
from collections.abc import Iterator

import pytest

from otel_judge import logs


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, own = root.handlers[:], root.level, logging.getLogger("otel_judge").level
    yield
    root.handlers[:], root.level = handlers, level
    logging.getLogger("otel_judge").setLevel(own)


def said(capsys: pytest.CaptureFixture[str], level: str) -> str:
    logs.configure(level)
    try:
        raise ValueError("what a user\nwrote")
    except ValueError:
        logging.getLogger("otel_judge.worker").exception("trace %s could not be checked", "ab")
    logging.getLogger("httpx").info("POST https://example.com?key=secret")
    return capsys.readouterr().err


def test_an_event_is_one_line_and_quotes_no_trace(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = said(capsys, "info").splitlines()
    assert " ERROR otel_judge.worker trace ab could not be checked: ValueError (at " in line
    assert "what a user" not in line


def test_debug_says_what_the_error_said_still_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = said(capsys, "debug").splitlines()
    assert ": ValueError: what a user wrote (at " in line
