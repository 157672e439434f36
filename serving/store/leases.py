"""Sessions of a key, counted over all servers that share a store.

Every open session has a lease there, which its process prolongs, all of them together, for as long
as it lives. A process that dies takes its leases with it. While the store cannot be asked, sessions
open as if there were none, and have their leases as soon as it answers.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count

from serving.store.lease_commands import TAKEN, end, prolong, take
from serving.store.link import StoreAway, StoreLink
from telemetry.metrics import Metrics

RENEWAL_S = 4.0
"""Seconds between two prolongations: a lease survives one that fails, and the probes behind it."""
PROBE_S = 2.0
"""Seconds between two looks whether a store that was lost is back."""


class TooMany(Exception):
    """A holder has as many sessions as it may have."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(frozen=True, slots=True)
class Lease:
    """One session of a holder."""

    holder: str
    name: str


class Leases:
    """Those of this process's sessions."""

    def __init__(self, store: StoreLink, limit: int, metrics: Metrics) -> None:
        """Prepare; they are kept within `kept`.

        Args:
            store: Where they are.
            limit: Most leases of a holder, in all servers together.
            metrics: Count the sessions that were opened without asking.
        """
        self._store = store
        self._limit = limit
        self._unasked = metrics.sessions_uncounted
        # Servers of the same name, or of none, must not take each other's for their own.
        self._prefix = secrets.token_hex(8)
        self._numbers = count()
        self._held: set[Lease] = set()
        self._over: set[Lease] = set()
        """Those that are yet to be ended in the store."""
        self._wake = asyncio.Event()

    async def take(self, holder: str) -> Lease:
        """Take a lease for a session that opens.

        Args:
            holder: The holder of the client's key.

        Raises:
            TooMany: It has as many as it may have.
        """
        lease = Lease(holder, f"{self._prefix}-{next(self._numbers)}")
        try:
            [answer] = await self._store.ask("take", take(holder, lease.name, self._limit))
        except StoreAway:
            self._unasked.inc()
        except BaseException:
            # Whether it was taken is not known.
            self.give_back(lease)
            raise
        else:
            if answer != TAKEN:
                raise TooMany(answer)
        self._held.add(lease)
        return lease

    def give_back(self, lease: Lease) -> None:
        """End the lease of a session that is over; the store learns it soon."""
        self._held.discard(lease)
        self._over.add(lease)
        self._wake.set()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep the leases while the block runs, and end those that are left then."""
        keeping = asyncio.create_task(self._keep(), name="leases")
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
            self._over |= self._held
            self._held.clear()
            await self._end()

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        # A store that is not there is told at the start, not to the first client.
        due = loop.time()
        while True:
            try:
                async with asyncio.timeout_at(due):
                    await self._wake.wait()
            except TimeoutError:
                await self._prolong()
                due = loop.time() + (RENEWAL_S if self._store.is_there else PROBE_S)
            else:
                self._wake.clear()
                await self._end()

    async def _prolong(self) -> None:
        commands = [prolong(holder, names) for holder, names in _by_holder(self._held)]
        with suppress(StoreAway):
            await self._store.ask("prolong", *(commands or [("PING",)]), probe=True)

    async def _end(self) -> None:
        over, self._over = self._over, set()
        # What is not told now, the store finds out when they die.
        with suppress(StoreAway):
            if over:
                await self._store.ask("end", *(end(*known) for known in _by_holder(over)))


def _by_holder(leases: Iterable[Lease]) -> list[tuple[str, list[str]]]:
    found = defaultdict(list)
    for lease in leases:
        found[lease.holder].append(lease.name)
    return [*found.items()]
