"""What a server shares with others by its store; nothing where none is configured."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from config import ConfigError, Settings
from serving.store.connection import StoreConnection
from serving.store.kept_sessions import KeptSessions
from serving.store.leases import Leases
from serving.store.link import StoreLink
from serving.store.sealing import Sealing
from settings.localisation import _
from telemetry.metrics import Metrics


class SharedStore:
    """The store of one process."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        """Prepare; nothing is connected before `running`.

        Args:
            settings: The configuration.
            metrics: Tell how the store does.

        Raises:
            ConfigError: A library is not installed, or resuming lacks a store or a secret.
        """
        self.leases: Leases | None = None
        """Count the sessions of keys over all servers; None: each process for itself."""
        self.sessions: KeptSessions | None = None
        """Keep conversations, for their clients to go on; None: none are kept."""
        self._link: StoreLink | None = None
        limits, server = settings.limits, settings.server
        if (limits.store is None or server.secret is None) and server.resume_s:
            raise ConfigError(
                _(
                    "server.resume_s needs limits.store, where conversations are kept, and "
                    "server.secret, by which they are encrypted: set both, or leave it 0."
                )
            )
        if limits.store is None:
            return
        meanwhile = "Until it answers, limits.sessions_per_key holds in each process for itself"
        meanwhile += ", and no conversation is kept." if server.resume_s else "."
        self._link = link = StoreLink(StoreConnection(limits.store), metrics, meanwhile)
        self.leases = Leases(link, limits.sessions_per_key, metrics)
        if server.resume_s and server.secret is not None:
            self.sessions = KeptSessions(link, Sealing(server.secret), server.resume_s)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep what is shared while the block runs."""
        if self._link is None or self.leases is None:
            yield
            return
        async with self.leases.kept():
            if self.sessions is None:
                yield
            else:
                async with self.sessions.kept():
                    yield
        await self._link.close()
