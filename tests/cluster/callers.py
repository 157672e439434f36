"""Callers: each speaks in real time, waits to be answered, hangs up after some turns, calls again.

They do what a client with the `openai` SDK does: audio goes on all the time, the server finds the
turns, and who loses the connection connects again at once.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import count
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE, read_wav, silence
from tests.cluster.balancer import NAMED_BY
from tests.cluster.ledger import Answered, Ended, Ledger, Lost, Opened, Refused, Unanswered
from tests.support.places import DATA
from tests.support.running_server import plain_http

_Found = TypeVar("_Found")

CLIP = "turn_complete"
CHUNK_MS = 40
PAUSE_MS = 400
MOST_TURNS = 3
"""Calls have one to three turns of some 5 s each."""
STAGGER_S = 0.15
"""Between the first calls of two callers, so that their turns do not fall together."""
DIAL_S = 15.0
ANSWER_S = 20.0
"""Seconds after which a caller gives up a dial, or an answer."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 1.0
"""Before a refused caller dials again; doubled each time."""
_SESSION = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 500}}},
}


class SessionRefused(Exception):
    """The connection stands, but there is no session; the message is the error's code."""


async def dial(url: str, key: str) -> tuple[ClientConnection, str]:
    """Connect, and wait for the session; return its id too.

    Raises:
        OSError: There is nobody.
        TimeoutError: Nobody answers.
        InvalidHandshake: The handshake is refused.
        ConnectionClosed: The connection ends before there is a session.
        SessionRefused: An error comes in place of the session.
    """
    async with asyncio.timeout(DIAL_S):
        socket = await connect(
            url,
            additional_headers={"Authorization": f"Bearer {key}"},
            proxy=None,
            compression=None,
            open_timeout=DIAL_S,
            close_timeout=2,
            max_size=None,
        )
        event = json.loads(await socket.recv())
    if event["type"] != "session.created":
        await socket.close()
        raise SessionRefused(event["error"]["code"])
    return socket, event["session"]["id"]


async def client_secret(url: str, key: str) -> str:
    """Have a client secret made, by whichever gateway.

    Raises:
        httpx.HTTPError: There is none.
    """
    address = f"http://{urlsplit(url).netloc}/v1/realtime/client_secrets"
    headers = {"Authorization": f"Bearer {key}"}
    async with plain_http(timeout=DIAL_S, headers=headers) as http:
        answer = await http.post(address, json={"session": {"type": "realtime"}})
    answer.raise_for_status()
    return str(answer.json()["value"])


def _append(pcm: bytes) -> str:
    audio = base64.b64encode(pcm).decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": audio})


def speech() -> list[str]:
    """Return what a caller says in a turn, as events of `CHUNK_MS` each."""
    pcm, size = read_wav(DATA / f"{CLIP}.wav"), CHUNK_MS * WIRE_RATE // 1000 * BYTES_PER_SAMPLE
    return [_append(pcm[start : start + size]) for start in range(0, len(pcm), size)]


class _Talk:
    """One call: what is said, and what is heard."""

    def __init__(self, socket: ClientConnection, said: Sequence[str]) -> None:
        self._socket = socket
        self._said = said
        self._silence = _append(silence(CHUNK_MS))
        self._script: deque[str] = deque()
        self._speaking = False
        self.owed = False
        """Whether an answer is due."""

    async def stream(self) -> None:
        """Send audio as a microphone does, until cancelled or cut off."""
        clock = asyncio.get_running_loop().time
        began = clock()
        for number in count():
            await asyncio.sleep(max(0.0, began + number * CHUNK_MS / 1000 - clock()))
            await self._socket.send(self._script.popleft() if self._script else self._silence)
            if self._speaking and not self._script:
                self._speaking, self.owed = False, True

    async def configure(self) -> None:
        """Set the session up."""
        await self._socket.send(json.dumps({"type": "session.update", "session": _SESSION}))

    async def turn(self) -> str | None:
        """Say something, and hear the answer; return what is wrong with that, None: nothing.

        Raises:
            ConnectionClosed: The call is lost.
        """
        self._script += [self._silence] * (PAUSE_MS // CHUNK_MS) + list(self._said)
        self._speaking = True
        heard = False
        try:
            async with asyncio.timeout(ANSWER_S):
                while True:
                    event: dict[str, Any] = json.loads(await self._socket.recv())
                    heard = heard or event["type"] == "response.output_audio.delta"
                    if event["type"] == "error":
                        return str(event["error"]["code"])
                    if event["type"] == "response.done":
                        break
        except TimeoutError:
            return f"no answer in {ANSWER_S:.0f} s"
        status = event["response"]["status"]
        if status != "completed" or not heard or self._speaking:
            return f"a response {status}, {'with' if heard else 'without'} speech"
        self.owed = False
        return None


class Caller:
    """Somebody who calls, again and again."""

    def __init__(self, number: int, url: str, key: str, ledger: Ledger, *, kept: bool) -> None:
        """Prepare.

        Args:
            number: Its name.
            url: Of the balancer.
            key: Its API key.
            ledger: Where it notes what happens.
            kept: Whether it opens each call by a client secret, and goes on by it when it has
                lost its server.
        """
        self._number = number
        self._url = url
        self._key = key
        self._ledger = ledger
        self._kept = kept

    async def run(self, said: Sequence[str]) -> None:
        """Call until cancelled."""
        await asyncio.sleep(self._number * STAGGER_S)
        for call in count(self._number):
            turns = 1 + call % MOST_TURNS
            key = await self._key_of_a_call()
            session: str | None = None
            while True:
                socket, found, asked = await self._tried(partial(_timed, self._url, key))
                try:
                    gateway = self._greeted(socket, asked, resumed=found == session)
                    lost = await self._converse(socket, gateway, turns, said)
                finally:
                    await socket.close()
                session = found
                if not (lost and self._kept):
                    break

    async def _key_of_a_call(self) -> str:
        """Return a client secret where calls are kept, and else the key."""
        if not self._kept:
            return self._key
        return await self._tried(partial(client_secret, self._url, self._key))

    async def _tried(self, ask: Callable[[], Awaitable[_Found]]) -> _Found:
        """Ask until there is an answer."""
        wait = FIRST_WAIT_S
        while True:
            try:
                return await ask()
            except InvalidStatus as refused:
                reason = f"HTTP {refused.response.status_code}"
            except httpx.HTTPStatusError as refused:
                reason = f"client secret: HTTP {refused.response.status_code}"
            except SessionRefused as refused:
                reason = str(refused)
            except (OSError, InvalidHandshake, ConnectionClosed, httpx.HTTPError) as failed:
                reason = type(failed).__name__
            self._ledger.note(Refused(_now(), self._number, reason))
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_S)

    def _greeted(self, socket: ClientConnection, asked: float, *, resumed: bool) -> str:
        assert socket.response is not None
        gateway = socket.response.headers[NAMED_BY]
        self._ledger.note(Opened(_now(), self._number, gateway, asked, resumed))
        return gateway

    async def _converse(
        self, socket: ClientConnection, gateway: str, turns: int, said: Sequence[str]
    ) -> bool:
        """Talk; return whether the connection was lost."""
        note, number = self._ledger.note, self._number
        talk = _Talk(socket, said)
        # What was opened just now is perhaps not kept yet: that is written behind.
        kept = False
        streaming = asyncio.create_task(talk.stream())
        try:
            await talk.configure()
            for _ in range(turns):
                if wrong := await talk.turn():
                    note(Unanswered(_now(), number, gateway, wrong))
                    return False
                note(Answered(_now(), number, gateway))
                kept = self._kept
            note(Ended(_now(), number, gateway))
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else None
            note(Lost(_now(), number, gateway, talk.owed, code, kept))
            return True
        finally:
            streaming.cancel()
            with suppress(asyncio.CancelledError, ConnectionClosed):
                await streaming
        return False


async def _timed(url: str, key: str) -> tuple[ClientConnection, str, float]:
    asked = _now()
    return *await dial(url, key), asked


def _now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def calling(url: str, key: str, callers: int, *, kept: bool) -> AsyncIterator[Ledger]:
    """Let people call for as long as the block lasts.

    Args:
        url: Of the balancer.
        key: Their API key.
        callers: How many they are.
        kept: Whether conversations are kept: every second caller opens them by client secrets.

    Yields:
        What happens to them.
    """
    ledger, said = Ledger(), speech()
    people = [
        Caller(number, url, key, ledger, kept=kept and number % 2 == 0) for number in range(callers)
    ]
    tasks = [asyncio.create_task(caller.run(said)) for caller in people]
    try:
        yield ledger
    finally:
        for task in tasks:
            task.cancel()
        for end in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(end, Exception):
                raise end
