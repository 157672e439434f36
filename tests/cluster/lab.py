"""What the stages work on: gateways, the balancer before them, and people who call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.balancer import Balancer
from tests.cluster.callers import calling
from tests.cluster.gateway import KEY, PORT, Gateway
from tests.cluster.ledger import Entry, Figures, Ledger, figures, imbalance
from tests.cluster.network import Network
from tests.cluster.store import HOST, Store

ADDRESSES = {"a": "10.77.0.11", "b": "10.77.0.12", "c": "10.77.0.13"}
CALLERS = 30
FAIR = 0.2
"""How far a gateway may be from its fair share of the calls, as a part of that."""
OF_A_KEY = 2 * CALLERS
"""Sessions that a key may have; on a busy machine, those that close still count for a while."""
RESUME_S = 60


@dataclass
class Stage:
    """One thing that is done to the cluster, and what came of it."""

    name: str
    began: float
    ledger: Ledger
    first: int
    """The number of the first entry of the ledger that is about it."""
    broken: list[str] = field(default_factory=list)
    """Promises that were not kept."""
    notes: list[str] = field(default_factory=list)
    """What else is worth telling."""
    figures: Figures | None = None

    def entries(self) -> list[Entry]:
        """Return what has happened to callers since it began."""
        return self.ledger.entries[self.first :]

    def promised(self, kept: bool, what: str) -> None:
        """Note a promise that was not kept."""
        if not kept:
            self.broken.append(what)

    def counted(self) -> Figures:
        """Return the figures so far."""
        return figures(self.entries(), self.began)


@dataclass
class Lab:
    """The cluster, while it runs."""

    network: Network
    balancer: Balancer
    gateways: dict[str, Gateway]
    ledger: Ledger
    store: Store | None
    stages: list[Stage] = field(default_factory=list)

    @asynccontextmanager
    async def stage(self, name: str) -> AsyncIterator[Stage]:
        """Count what happens in the block as a stage."""
        now = asyncio.get_running_loop().time()
        stage = Stage(name, now, self.ledger, len(self.ledger.entries))
        self.stages.append(stage)
        try:
            yield stage
        finally:
            stage.figures = stage.counted()

    def unfairness(self) -> float:
        """Return how far a gateway is from its fair share of those who talk."""
        return imbalance(self.ledger.held(), list(self.gateways))

    async def all_talk(self) -> None:
        """Wait until every caller has a session."""
        await self.ledger.until(lambda: len(self.ledger.talking) == CALLERS, "all callers talk")

    async def fair(self) -> None:
        """Wait until calls are shared out fairly: ended ones make room for others."""
        await self.ledger.until(
            lambda: len(self.ledger.talking) == CALLERS and self.unfairness() <= FAIR,
            f"each gateway is within {FAIR:.0%} of its share",
        )

    async def back_elsewhere(self, gone: str, callers: set[int]) -> None:
        """Wait until callers who were at a gateway talk at another one."""

        def moved() -> bool:
            where = self.ledger.talking
            return all(where.get(caller, gone) != gone for caller in callers)

        await self.ledger.until(moved, f"those who were at {gone} talk elsewhere")

    async def talking_at(self, name: str) -> None:
        """Wait until somebody talks at a gateway again."""
        there: Callable[[], bool] = lambda: self.ledger.held()[name] > 0  # noqa: E731
        await self.ledger.until(there, f"somebody talks at {name}")


@asynccontextmanager
async def cluster(folder: Path, *, stored: bool) -> AsyncIterator[Lab]:
    """Run a cluster with callers for as long as the block lasts.

    Args:
        folder: Where its files are.
        stored: Whether the gateways share a store.
    """
    network = Network()
    settings = {"LIMITS__SESSIONS_PER_KEY": str(OF_A_KEY)}
    store = None
    if stored:
        network.host(HOST, Store.ADDRESS)
        store = Store(folder)
        await store.start()
        settings |= {"LIMITS__STORE": store.url, "SERVER__RESUME_S": str(RESUME_S)}
    gateways = {}
    for name, address in ADDRESSES.items():
        network.host(name, address)
        gateways[name] = Gateway(name, address, folder, **settings)
    await asyncio.gather(*(gateway.start() for gateway in gateways.values()))
    balancer = Balancer({name: f"{at}:{PORT}" for name, at in ADDRESSES.items()}, folder)
    await balancer.start()
    for name in gateways:
        await balancer.sees(name, "UP")
    async with calling(balancer.url, KEY, CALLERS, kept=stored) as ledger:
        yield Lab(network, balancer, gateways, ledger, store)
