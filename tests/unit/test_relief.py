from __future__ import annotations

import pytest

from otel_judge.config import MemoryLimiterConfig
from otel_judge.errors import Overloaded
from otel_judge.memory import MemoryLimiter
from otel_judge.relief import Relief
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace

MIB = 2**20
SERVICE, WORKER = 1, 2


class Machine:
    """Memory that follows what is held: retained and open traces in the service, and what a worker has."""

    def __init__(self, *, retained: int = 0, open_: int = 0, worker: int = 0) -> None:
        self.retained, self.open, self.worker = retained * MIB, open_ * MIB, worker * MIB
        self.ended: list[int] = []

    def read(self, pid: int) -> int:
        return self.worker if pid == WORKER else self.retained + self.open

    def drop_retained(self, size: int) -> int:
        dropped = min(size, self.retained)
        self.retained -= dropped
        return dropped

    def finish_oldest(self, size: int, now: float) -> list[Trace]:
        if not self.open:
            return []
        self.open -= min(size, self.open)
        build = TraceBuilder()
        build.span("root")
        return [build.trace()]

    def relief(self) -> Relief:
        config = MemoryLimiterConfig(limit_mib=100, spike_limit_mib=20)
        limiter = MemoryLimiter(config, lambda: [SERVICE, WORKER], read=self.read)
        return Relief(limiter, self, workers=lambda: [WORKER], end_worker=self.ended.append)


def refuses(relief: Relief) -> bool:
    try:
        relief.admit()
    except Overloaded:
        return True
    return False


def test_below_the_soft_limit_nothing_is_touched() -> None:
    machine = Machine(retained=40, open_=40)
    relief = machine.relief()
    assert relief.look(0.0, may_finish=True) == []
    assert (machine.retained, machine.open) == (40 * MIB, 40 * MIB)
    assert not refuses(relief)


def test_retained_traces_go_first_and_no_more_than_needed() -> None:
    machine = Machine(retained=50, open_=40)
    relief = machine.relief()
    assert relief.look(0.0, may_finish=True) == []
    assert (machine.retained, machine.open) == (40 * MIB, 40 * MIB)
    assert not refuses(relief)


def test_then_the_oldest_are_finished_and_requests_refused_until_there_is_room() -> None:
    machine = Machine(retained=10, open_=95)
    relief = machine.relief()
    assert len(relief.look(0.0, may_finish=True)) == 1
    assert (machine.retained, machine.open) == (0, 80 * MIB)
    assert refuses(relief)
    assert relief.look(1.0, may_finish=True) == []
    assert not refuses(relief)


def test_nothing_is_finished_for_workers_without_room() -> None:
    machine = Machine(open_=95)
    relief = machine.relief()
    assert relief.look(0.0, may_finish=False) == []
    assert machine.open == 95 * MIB
    assert refuses(relief)


@pytest.mark.parametrize(("worker", "ended"), [(60, [WORKER]), (45, [])])
def test_a_worker_that_has_over_half_of_the_limit_is_ended_past_it(worker: int, ended: list[int]) -> None:
    machine = Machine(open_=105 - worker, worker=worker)
    machine.relief().look(0.0, may_finish=False)
    assert machine.ended == ended
