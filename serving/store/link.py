"""The store as the server sees it: there, or not there, and told once when that changes.

A store that is away must cost sessions nothing, so one failure suffices to stop asking it. Whoever
keeps the link (`Leases`) probes, and the first answer ends the outage.
"""

from __future__ import annotations

import asyncio
from typing import Any

from loguru import logger

from serving.store.connection import Command, StoreConnection, StoreUnreachable
from settings.localisation import _, in_english
from telemetry.metrics import Metrics


def store_remedy(place: str, failure: StoreUnreachable) -> str:
    """Say that a store cannot be used, why, and what to do about it."""
    return _(
        "The store at {place} cannot be used ({reason}): start it, or correct limits.store "
        "(REALTIME_LIMITS__STORE)."
    ).format(place=place, reason=failure)


class StoreAway(Exception):
    """The store cannot be asked now; each process is on its own."""


class StoreLink:
    """Asks the store while it answers."""

    def __init__(self, connection: StoreConnection, metrics: Metrics, meanwhile: str) -> None:
        """Prepare; it counts as there until it fails to answer.

        Args:
            connection: The way there.
            metrics: Show whether it answers, and count its failures.
            meanwhile: What holds until it answers again, for the log.
        """
        self._connection = connection
        self._failures = metrics.store_failures
        self._reachable = metrics.store_reachable.labels(connection.place)
        self._reachable.set(1)
        self._meanwhile = meanwhile
        self._lost_at: float | None = None
        """When it was lost, on the event loop's clock; None: it answers."""

    @property
    def is_there(self) -> bool:
        """Whether it answered the last time."""
        return self._lost_at is None

    async def ask(self, use: str, *commands: Command, probe: bool = False) -> list[Any]:
        """Run commands, and return their answers.

        Args:
            use: What for, for the metrics.
            commands: Each of which may run twice.
            probe: Ask even though it did not answer the last time.

        Raises:
            StoreAway: It does not answer, or did not and is not probed.
        """
        if not (self.is_there or probe):
            raise StoreAway
        try:
            answers = await self._connection.run(*commands)
        except StoreUnreachable as failure:
            self._failures.labels(use).inc()
            self._lost(failure)
            raise StoreAway from None
        self._found()
        return answers

    async def close(self) -> None:
        """Close the way there."""
        await self._connection.close()

    def _lost(self, failure: StoreUnreachable) -> None:
        if self._lost_at is not None:
            return
        self._lost_at = asyncio.get_running_loop().time()
        self._reachable.set(0)
        with in_english():
            told = store_remedy(self._connection.place, failure)
        logger.bind(event="store.lost").warning(f"{told} {self._meanwhile}")

    def _found(self) -> None:
        if self._lost_at is None:
            return
        away_s = asyncio.get_running_loop().time() - self._lost_at
        self._lost_at = None
        self._reachable.set(1)
        logger.bind(event="store.found").info(
            f"The store at {self._connection.place} answers again, after {away_s:.0f} s."
        )
