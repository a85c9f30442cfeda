"""The real parts for the acceptance tests, and their last words where a test fails."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias, TypeVar

import pytest
from processes import LAST_BYTES, Process
from stack import Jaeger

ProcessT = TypeVar("ProcessT", bound=Process)
Start: TypeAlias = Callable[[ProcessT], ProcessT]

_LOGS = pytest.StashKey[Path]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.acceptance)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Where this module's parts keep their configs and logs."""
    made = tmp_path_factory.mktemp(request.path.stem)
    request.node.stash[_LOGS] = made
    return made


@pytest.fixture(scope="module")
def jaeger(folder: Path) -> Iterator[Jaeger]:
    """A Jaeger for this module."""
    with Jaeger(folder) as running:
        yield running


@pytest.fixture
def start() -> Iterator[Start[Process]]:
    """Starts a part that ends with the test."""
    with ExitStack() as stack:
        yield stack.enter_context


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    module = item.getparent(pytest.Module)
    if report.failed and module is not None and (folder := module.stash.get(_LOGS, None)) is not None:
        for log in sorted(folder.rglob("*.log")):
            report.sections.append((f"the end of {log}", log.read_bytes()[-LAST_BYTES:].decode(errors="replace")))
    return report
