"""A gateway: this server with scripted providers, at a host of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from tests.cluster.ledger import PATIENCE_S, NeverHappened
from tests.cluster.network import at
from tests.support.places import ROOT
from tests.support.running_server import plain_http

PORT = 8000
KEY = "the-key-of-all-callers"
OTHER_KEY = "the-key-of-nobody-else"
POLL_S = 0.1
DRAIN_S = 120
"""Longer than a call of the load lasts: what ends a drain is that its last call has ended."""
_LLM = {"first_token_ms": 100, "word_ms": 40}
"""An answer of some 15 words takes most of a second, so that a fault meets some."""


def settings(replica: str, **more: str) -> dict[str, str]:
    """Return a gateway's settings, as variables of the environment.

    Args:
        replica: Its name among the replicas, which is its address.
        more: Further ones, `LIMITS__STORE="redis://…"`.
    """
    given = {
        "SERVER__API_KEYS": f"{KEY},{OTHER_KEY}",
        "SERVER__SECRET": "what all gateways sign with",
        "SERVER__REPLICA": replica,
        "SERVER__REPLICA_URL": f"http://{{replica}}:{PORT}",
        "SERVER__DRAIN_S": str(DRAIN_S),
        # A client that was cut off counts until its pings are missed.
        "LIMITS__PING_INTERVAL_S": "4",
        "LIMITS__PING_TIMEOUT_S": "4",
        "WEBRTC__UDP_PORT": "0",
        "LLM__OPTIONS": json.dumps(_LLM),
        **{f"{kind}__PROVIDER": "scripted" for kind in ("STT", "LLM", "TTS")},
        **more,
    }
    return {f"REALTIME_{name}": value for name, value in given.items()}


class Gateway:
    """One of them; it can be started again and again."""

    def __init__(self, name: str, address: str, folder: Path, **more: str) -> None:
        """Prepare.

        Args:
            name: Of its host, and in the balancer's configuration.
            address: Of its host.
            folder: Where its log is written, and it finds no settings.
            more: Settings.
        """
        self.name = name
        self.address = address
        self._folder = folder
        self._more = more
        self._process: asyncio.subprocess.Process | None = None

    @property
    def http(self) -> str:
        """Its own address."""
        return f"http://{self.address}:{PORT}"

    @property
    def log(self) -> Path:
        """What it has written."""
        return self._folder / f"{self.name}.log"

    async def start(self) -> None:
        """Start it, and wait until it takes sessions.

        Raises:
            NeverHappened: It does not start.
        """
        kept = {k: v for k, v in os.environ.items() if not k.startswith("REALTIME_")}
        server = [sys.executable, str(ROOT / "main.py"), "--host", "0.0.0.0", "--port", str(PORT)]
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *at(self.name, *server),
                cwd=self._folder,
                env={**kept, **settings(self.address, **self._more)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
            )
        process = self._process

        async def ready() -> bool:
            if process.returncode is not None:
                raise NeverHappened(f"{self.name} does not start: {self.last_words()}")
            return await self.answers("/readyz")

        await _asked_until(ready, f"{self.name} is ready")

    async def answers(self, path: str) -> bool:
        """Tell whether it answers a request with 200."""
        try:
            async with plain_http(timeout=2) as http:
                return (await http.get(f"{self.http}{path}")).status_code == 200
        except httpx.TransportError:
            return False

    async def active(self) -> int:
        """Ask how many sessions it has."""
        async with plain_http(timeout=PATIENCE_S) as http:
            return int((await http.get(f"{self.http}/health")).json()["active_sessions"])

    async def metric(self, name: str) -> float:
        """Ask for a metric; the sum of those with labels, 0 where there is none."""
        async with plain_http(timeout=PATIENCE_S) as http:
            headers = {"Authorization": f"Bearer {KEY}"}
            text = (await http.get(f"{self.http}/metrics", headers=headers)).text
        samples = (line.rpartition(" ") for line in text.splitlines())
        return sum(float(value) for what, _, value in samples if what.partition("{")[0] == name)

    async def has(self, sessions: Callable[[], int]) -> None:
        """Wait until it has as many sessions as its callers say: nobody's is left.

        Raises:
            NeverHappened: It never has.
        """

        async def same() -> bool:
            return await self.active() == sessions()

        await _asked_until(same, f"{self.name} has only the sessions of its callers")

    async def tells(self, name: str, value: float) -> None:
        """Wait until a metric has a value.

        Raises:
            NeverHappened: It never has.
        """

        async def told() -> bool:
            return await self.metric(name) == value

        await _asked_until(told, f"{name} of {self.name} is {value:.0f}")

    def last_words(self) -> str:
        """Return the end of what it has written."""
        return self.log.read_text(errors="replace").strip()[-2000:]

    def kill(self) -> None:
        """End it as a crash does."""
        self._running().kill()

    def hang(self) -> None:
        """Let it do nothing more, with its connections open."""
        self._running().send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End the hanging."""
        self._running().send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Tell it to end, as supervisors do."""
        self._running().terminate()

    async def ended(self) -> int:
        """Wait until it has ended; return its exit status.

        Raises:
            NeverHappened: It does not end.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._running().wait()
        except TimeoutError:
            raise NeverHappened(f"{self.name} does not end: {self.last_words()}") from None

    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "it was not started"
        return self._process


async def _asked_until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Ask again and again, as nobody tells: another process changes it."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await holds():
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise NeverHappened(f"not in {PATIENCE_S:.0f} s: {what}") from None
