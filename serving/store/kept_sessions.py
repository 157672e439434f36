"""Sessions whose conversation is kept in the store, and those that go on from one (§D.10).

A conversation is written behind its changes, at most once a second, and at the session's end. A
session shows life every two seconds, so that a client whose server was killed is let back in within
six. A client whose network was lost comes back while its session still waits for it: that session
asks its old connection for a sign of life, and ends when none comes. While the store cannot be
asked, sessions open and go on as if nothing were kept.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

from loguru import logger

from serving.store import kept_commands
from serving.store.connection import Command
from serving.store.link import StoreAway, StoreLink
from serving.store.sealing import Sealing, Unreadable

WRITE_S = 1.0
"""Seconds between two writes of a conversation that changes."""
LIVE_EVERY = 2
"""Every how many writes a session that has not changed shows life."""
LOOK_S = 0.5
"""Seconds between two looks whether the session that has a conversation is over, or alive."""
ANSWER_S = 2.0
"""Seconds within which a client has to answer a ping when another connection wants to go on with
its session: longer than the radio of a telephone takes to wake up."""
WAIT_S = 7.0
"""Most seconds that a client waits for a conversation that another session has: longer than that
takes to be dead (`kept_commands.ALIVE_MS`), shorter than the 10 s that clients wait for their
handshake."""
MOST_CHARS = 4 * 1024 * 1024
"""Longest conversation that is kept, in characters of JSON."""

State = dict[str, Any]
"""A session as JSON has it (`serving/resuming.py`)."""


class Client(Protocol):
    """The client of a session, on its connection."""

    async def answers(self, within_s: float) -> bool:
        """Ask for a sign of life, and return whether one comes within `within_s` seconds."""

    def give_up(self, reason: str) -> None:
        """Cut the connection, which ends the session; `reason` is for the log."""


class KeptSession:
    """One session of this process that is kept."""

    def __init__(self, digest: bytes, state: State | None, wake: Callable[[], None]) -> None:
        """Prepare.

        Args:
            digest: That of its client secret.
            state: What it goes on from; None: it is a new one.
            wake: Called when it is over.
        """
        self.digest = digest
        self.state = state
        self.owner = secrets.token_hex(16)
        self.changed = False
        """Whether it differs from what the store has."""
        self.over = False
        self.wanted = True
        """Whether somebody may resume it."""
        self.client: Client | None = None
        """Who has it; None: nobody is connected yet."""
        self._snapshot: Callable[[], State] | None = None
        """Returns the session as it is now; None: it has not begun."""
        self._wake = wake

    @property
    def has_state(self) -> bool:
        """Whether there is anything to keep."""
        return self._snapshot is not None or self.state is not None

    def now(self) -> State | None:
        """Return the session as it is; before it has begun, as it was kept."""
        return self.state if self._snapshot is None else self._snapshot()

    def begin(self, snapshot: Callable[[], State]) -> None:
        """Note that the session has begun."""
        self._snapshot, self.changed = snapshot, True

    def drop(self) -> None:
        """Keep it no longer, nor what was kept of it."""
        self._snapshot = self.state = None
        self.wanted = False

    def unwanted(self) -> None:
        """Note that the session is done: nobody will resume it."""
        self.wanted = False

    def end(self) -> None:
        """Note that the session is over; the store learns it soon."""
        self.over = True
        self._wake()


class KeptSessions:
    """Those of this process."""

    def __init__(self, store: StoreLink, sealing: Sealing, kept_s: float) -> None:
        """Prepare; they are written within `kept`.

        Args:
            store: Where they are.
            sealing: Encrypts them.
            kept_s: Seconds for which a conversation outlives its session.
        """
        self._store = store
        self._sealing = sealing
        self._kept_ms = round(kept_s * 1000)
        self._sessions: set[KeptSession] = set()
        self._wake = asyncio.Event()
        self._asking: dict[KeptSession, asyncio.Task[None]] = {}
        """Whose clients are being asked for a sign of life."""
        self._round = 0
        """How often they were written so far."""

    async def claim(self, digest: bytes) -> KeptSession | None:
        """Take over the conversation of a client secret, or begin to keep one.

        Waits up to `WAIT_S` where a session has it that may be dead, or whose client may be gone.

        Args:
            digest: That of the client secret.

        Returns:
            The session to be; None: another one has the conversation, and its client lives.
        """
        kept = KeptSession(digest, None, self._wake.set)
        name = self._sealing.name(digest)
        asked, since = b"", 0
        clock = asyncio.get_running_loop().time
        until = clock() + WAIT_S
        try:
            while True:
                command = kept_commands.claim(name, kept.owner, self._kept_ms, asked)
                [answer] = await self._store.ask("claim", command)
                held = kept_commands.held(answer)
                if held is None:
                    break
                if held.owner != asked:
                    # The first one, or who was quicker to take it over from that.
                    asked, since = held.owner, held.now
                    self._ask_own(digest)
                if held.proved >= since or clock() >= until:
                    return None
                await asyncio.sleep(LOOK_S)
        except StoreAway:
            answer = kept_commands.NO_STATE
        except BaseException:
            self._sessions.add(kept)
            # Whether it was taken is not known: the next client need not wait.
            kept.end()
            raise
        if answer != kept_commands.NO_STATE:
            # The keys fit or nobody else could read it, but a newer version may have written it.
            with suppress(Unreadable, ValueError):
                kept.state = json.loads(self._sealing.unseal(digest, answer))
        self._sessions.add(kept)
        return kept

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Write conversations while the block runs, and those that are left then."""
        writing = asyncio.create_task(self._write(), name="kept sessions")
        try:
            yield
        finally:
            ended = [writing, *self._asking.values()]
            for task in ended:
                task.cancel()
            await asyncio.wait(ended)
            await self._write_all()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + WRITE_S
        while True:
            try:
                async with asyncio.timeout_at(due):
                    await self._wake.wait()
            except TimeoutError:
                self._round += 1
                await self._write_all()
                due = loop.time() + WRITE_S
            else:
                self._wake.clear()
                await self._write_all(only_over=True)

    async def _write_all(self, *, only_over: bool = False) -> None:
        waiting = [kept for kept in self._sessions if kept.over or not only_over]
        if waiting:
            await asyncio.gather(*(self._tell(kept) for kept in waiting))

    async def _tell(self, kept: KeptSession) -> None:
        """Tell the store of a session what it does not know."""
        name = self._sealing.name(kept.digest)
        place = (name, kept.owner, self._kept_ms)
        over = kept.over
        command: Command
        shows_life = False
        if over and not kept.wanted:
            command = kept_commands.forget(name, kept.owner)
        elif over and not kept.has_state:
            # It never began, and what it was to go on from is not known: that is the next one's.
            command = kept_commands.let_go(*place)
        elif over or (kept.changed and kept.has_state):
            # What changes from here on is written the next time.
            kept.changed = False
            sealed = await self._sealed(kept)
            write = kept_commands.save_last if over else kept_commands.save
            command = write(*place, sealed)
            if sealed == kept_commands.NO_STATE:
                command = kept_commands.forget(name, kept.owner)
        elif self._round % LIVE_EVERY == 0:
            command, shows_life = kept_commands.live(*place), True
        else:
            return
        try:
            [known] = await self._store.ask("keep", command)
        except StoreAway:
            kept.changed = True
            known = kept_commands.KNOWN
        if known == kept_commands.ASKED_FOR and not over:
            self._ask(kept)
        if known == kept_commands.ANOTHERS and shows_life:
            # The store was emptied, or was away when the session began.
            kept.changed = kept.has_state
        elif over or known == kept_commands.ANOTHERS:
            # It is over, or another session has the conversation.
            self._sessions.discard(kept)

    def _ask_own(self, digest: bytes) -> None:
        """Ask the client of a session of this process, which need not look for it in the store."""
        for kept in self._sessions:
            if kept.digest == digest:
                self._ask(kept)

    def _ask(self, kept: KeptSession) -> None:
        """Find out whether a session's client is there: somebody asks for its conversation."""
        if kept in self._asking or kept.over:
            return
        task = asyncio.create_task(self._prove(kept), name="ask a client for life")
        self._asking[kept] = task
        task.add_done_callback(lambda _task: self._asking.pop(kept))

    async def _prove(self, kept: KeptSession) -> None:
        # One that is about to be connected was there a moment ago.
        if kept.client is None or await kept.client.answers(ANSWER_S):
            prove = kept_commands.prove(self._sealing.name(kept.digest), kept.owner)
            with suppress(StoreAway):
                await self._store.ask("keep", prove)
        else:
            kept.client.give_up("it does not answer, and is back on another connection")

    async def _sealed(self, kept: KeptSession) -> bytes:
        """Return the state of a session, sealed; nothing, if it is too long to be kept."""
        text = json.dumps(kept.now(), ensure_ascii=False, separators=(",", ":"))
        if len(text) > MOST_CHARS:
            logger.warning(
                f"A conversation of {len(text)} characters is not kept: {MOST_CHARS} may be. If "
                "its server is lost, its client begins anew."
            )
            kept.drop()
            return kept_commands.NO_STATE
        # Compression would hold up other sessions.
        return await asyncio.to_thread(self._sealing.seal, kept.digest, text)
