"""The server as a child of the process that tests."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

CHILD = Path(__file__).parent / "child.py"
END_S = 10.0
"""Seconds that the child may take to end, once it is told to."""
_OWN = (
    *("REALTIME_API_KEYS", "REALTIME_SERVER__API_KEYS"),
    *("REALTIME_SERVER__PORT", "REALTIME_SERVER__TESTING"),
)
"""Variables that it has for itself."""
MOST_SHOWN = 4000
"""Characters of its log that are shown where it has ended."""


class ServerNotStarted(Exception):
    """The server did not start. The message has what it said."""


class ServerProcess:
    """A server with `--testing`, on a free port of this machine."""

    def __init__(self, variables: Mapping[str, object]) -> None:
        """Start it, and wait until it is ready.

        It gets this process's environment without the settings of a server (`REALTIME_…`), and
        works in a folder of its own, where no `.env` is.

        Args:
            variables: Further variables of its environment, such as `REALTIME_STT__PROVIDER`.

        Raises:
            ServerNotStarted: It ended instead, or such variables cannot be.
        """
        _check(variables)
        self.api_key = f"sk-test-{secrets.token_hex(16)}"
        self._folder = tempfile.TemporaryDirectory(prefix="open-realtime-")
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        kept = {
            name: value
            for name, value in os.environ.items()
            # What the tests make of warnings is not for the server's libraries.
            if not name.upper().startswith("REALTIME_") and name != "PYTHONWARNINGS"
        }
        own = {
            "REALTIME_API_KEYS": self.api_key,
            # Calls are let in where the libraries for them are installed.
            "REALTIME_WEBRTC__UDP_PORT": "0",
            # A test that sits in a debugger is no client that is lost.
            "REALTIME_LIMITS__PING_TIMEOUT_S": "3600",
            "PYTHONUNBUFFERED": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, str(CHILD), "--testing", "--log-json", "--port", "0"],
            cwd=self._folder.name,
            env={**kept, **own, **{name: str(value) for name, value in variables.items()}},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        try:
            self.port = self._ready()
        except BaseException:
            self.close()
            raise

    def _ready(self) -> int:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if isinstance(told, dict) and told.get("event") == "server.ready":
                port = urlsplit(told["address"]).port
                assert port is not None, told
                return port
        self._process.wait()
        raise ServerNotStarted(
            f"The Realtime server ended before it was ready ({self._process.returncode}):\n"
            f"{self.logged()}"
        )

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def logged(self) -> str:
        """Return the end of what it has written to its log; none once it is closed."""
        if self._log.closed:
            return ""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-MOST_SHOWN:].strip()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            # A process that was forked meanwhile holds the pipe too.
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()
        self._folder.cleanup()


def _check(variables: object) -> None:
    """Refuse what is no environment, and what the server under test is given by this module."""
    told = "realtime_server_settings: "
    if not isinstance(variables, Mapping):
        raise ServerNotStarted(f'{told}must be a mapping: {{"REALTIME_STT__PROVIDER": "embedded"}}')
    for name, value in variables.items():
        if not isinstance(name, str) or not name or "=" in name or "\0" in f"{name}{value}":
            raise ServerNotStarted(f"{told}{name!r} is no variable of an environment")
        if name.upper() in _OWN:
            raise ServerNotStarted(f"{told}{name} is set by the fixture; leave it out")
