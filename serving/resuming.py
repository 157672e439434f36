"""A session that goes on where another one ended, on whichever server (§D.10).

Only client secrets resume: each opens one conversation. What is kept is made here of a session, and
a session of what was kept.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from loguru import logger

from realtime_session import RealtimeSession
from serving.access.keys import Grant
from serving.admission import Admission, Admitted, Asked
from serving.session_start import read_patch
from serving.stacks import Stack
from serving.store.kept_sessions import KeptSession, KeptSessions, State
from session.keeping import Resumption, keep_items, restore_items
from session.session_config import SessionConfig
from tool_servers.servers import check_server
from wire.errors import ProtocolError
from wire.event_record import ServerEvent
from wire.session_fields import SessionKind

VERSION = 1
"""Of what is kept: a server that reads another one begins anew."""


class Resuming:
    """Lets clients go on with their sessions."""

    def __init__(self, admission: Admission, kept: KeptSessions | None) -> None:
        """Prepare.

        Args:
            admission: Admits them to new ones.
            kept: The sessions that are kept; None: none are.
        """
        self._admission = admission
        self._kept = kept

    @property
    def is_on(self) -> bool:
        """Whether sessions are kept."""
        return self._kept is not None

    @asynccontextmanager
    async def admitted(self, asked: Asked, grant: Grant) -> AsyncIterator[Admitted]:
        """Admit a client, to its session that was kept or to a new one, while the block runs.

        Args:
            asked: What it asks for.
            grant: What `Admission.enter` returned.

        Raises:
            Refused: There is no such session; the error says why.
        """
        kept: KeptSession | None = None
        if self._kept is not None and _may_be_kept(asked, grant):
            kept = await self._kept.claim(grant.secret or b"")
        try:
            admitted = replace(self._admission.admit(asked, grant), kept=kept)
            if kept is not None and kept.state is not None:
                admitted = _resumed(admitted, kept.state)
            if admitted.resumed is None:
                self._admission.check_fresh(asked, grant)
            yield admitted
        finally:
            if kept is not None:
                kept.end()


def _may_be_kept(asked: Asked, grant: Grant) -> bool:
    return grant.secret is not None and not (asked.beta or asked.translates)


def keep(kept: KeptSession, session: RealtimeSession, config: SessionConfig) -> None:
    """Keep a session from now on."""
    kept.begin(partial(_state, session, config))


def noting(kept: KeptSession | None) -> Callable[[ServerEvent], None] | None:
    """Return what is to be told a session's events; None: nothing is kept."""
    if kept is None:
        return None

    def note(event: ServerEvent) -> None:
        # Deltas belong to what is kept when it is over.
        if not event.type.endswith(".delta"):
            kept.changed = True

    return note


def _state(session: RealtimeSession, config: SessionConfig) -> State:
    conversation_id, items = session.kept()
    return {
        "version": VERSION,
        "conversation": conversation_id,
        "items": keep_items(items),
        **config.kept(),
    }


def _resumed(admitted: Admitted, state: State) -> Admitted:
    """Return a session with what it goes on from; as it is, if that cannot be."""
    try:
        config, resumed = _restored(admitted.stack, state)
    # Kept by another version, or by a server with other providers.
    except (ProtocolError, KeyError, TypeError, ValueError) as error:
        logger.warning(f"A session cannot go on, and begins anew: {type(error).__name__}: {error}")
        return admitted
    return replace(admitted, config=config, resumed=resumed)


def _restored(stack: Stack, state: State) -> tuple[SessionConfig, Resumption]:
    if state["version"] != VERSION:
        raise ValueError(f"kept by another version ({state['version']})")
    settings, now = stack.settings, time.time()
    described: dict[str, Any] = state["session"]
    kind: SessionKind = "transcription" if described["type"] == "transcription" else "realtime"
    config = SessionConfig(
        settings,
        stack.pipelines.capabilities,
        session_id=state["id"],
        model=state["model"],
        # It ends when it would have ended.
        now=state["expires_at"] - 60 * settings.server.session_limit_minutes,
        kind=kind,
        check_server=partial(check_server, settings.mcp),
    )
    config.apply(read_patch(described, kind), voice_locked=False)
    left_s = state["expires_at"] - now
    if left_s <= 0:
        raise ValueError("its time is up")
    return config, Resumption(state["conversation"], restore_items(state["items"]), left_s)
