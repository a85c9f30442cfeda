"""Money for many judgements: none begins that could, with all that are under way, spend more than there is."""

from __future__ import annotations

import asyncio


class Purse:
    """Belongs to one event loop.

    A judgement reserves the most that it can cost, and settles at what it did cost. One that does not fit waits for
    those under way, which mostly cost less than they might; when none is left to wait for, the purse is closed for
    good: rows that were not judged stand together at the end, and a smaller one does not slip through.
    """

    def __init__(self, usd: float) -> None:
        self.usd = usd
        self.spent_usd = 0.0
        """Settled."""
        self.closed = False
        self._reserved_usd = 0.0
        self._under_way = 0
        self._settled = asyncio.Event()

    async def reserve(self, most_usd: float) -> bool:
        """Whether a judgement that costs at most so much may begin. Waits until that is known."""
        while not self.closed:
            if self.spent_usd + self._reserved_usd + most_usd <= self.usd:
                self._reserved_usd += most_usd
                self._under_way += 1
                return True
            if not self._under_way:
                self.closed = True
                break
            self._settled.clear()
            await self._settled.wait()
        return False

    def settle(self, most_usd: float, spent_usd: float) -> None:
        """A judgement has ended that had reserved so much, and cost so much."""
        self._under_way -= 1
        # Nothing under way is nothing reserved: sums of floats leave no crumbs behind.
        self._reserved_usd = max(0.0, self._reserved_usd - most_usd) if self._under_way else 0.0
        self.spent_usd += spent_usd
        self._settled.set()
