"""Money for many judgements: never more than there is, whatever the order in which they end."""

from __future__ import annotations

import asyncio
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from otel_judge.purse import Purse


async def spend(usd: float, costs: list[tuple[float, float]], seed: int, places: int) -> tuple[Purse, int]:
    """Judgements of (most, real) cost, several at once, that end in any order. The purse, and how many began."""
    purse, draws, began = Purse(usd), Random(seed), 0
    slots = asyncio.Semaphore(places)

    async def judge(most: float, real: float) -> None:
        for _ in range(draws.randrange(4)):
            await asyncio.sleep(0)
        purse.settle(most, real)
        assert purse.spent_usd <= usd + 1e-9
        slots.release()

    async with asyncio.TaskGroup() as group:
        for most, real in costs:
            await slots.acquire()
            if not await purse.reserve(most):
                slots.release()
                continue
            began += 1
            group.create_task(judge(most, real))
    return purse, began


COSTS = st.lists(st.tuples(st.floats(0.01, 1.0), st.floats(0, 1)).map(lambda c: (c[0], c[0] * c[1])), max_size=20)


@given(st.floats(0, 5), COSTS, st.integers(0, 99), st.integers(1, 4))
def test_never_more_is_spent_than_there_is(
    usd: float, costs: list[tuple[float, float]], seed: int, places: int
) -> None:
    purse, began = asyncio.run(spend(usd, costs, seed, places))
    assert purse.spent_usd <= usd + 1e-9
    assert (began < len(costs)) == purse.closed


def test_what_costs_less_than_it_might_leaves_room_for_others() -> None:
    purse, began = asyncio.run(spend(1.0, [(0.6, 0.1)] * 5, 0, 4))
    assert began == 5
    assert abs(purse.spent_usd - 0.5) < 1e-9
    purse, began = asyncio.run(spend(1.0, [(0.6, 0.3)] * 5, 0, 4))
    assert (began, purse.closed) == (2, True)
