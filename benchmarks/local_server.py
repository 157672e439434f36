"""Starts a server to measure: a process with scripted providers, on a free port."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from clients.sdk import ClientError

ROOT = Path(__file__).resolve().parent.parent
START_S, STOP_S = 60.0, 10.0
"""Seconds that the server may take to answer /health, and to end."""
SETTLE_S = 30.0

STT = {"delay_ms": 50}
LLM = {"first_token_ms": 100, "word_ms": 10}
TTS = {"delay_ms": 80}
DESCRIPTION = "scripted providers: STT 50 ms, LLM 100 ms + 10 ms a word, TTS 80 ms a call"


@dataclass(frozen=True)
class LocalServer:
    """A running server: its address and its process."""

    url: str
    pid: int
    log: IO[bytes]
    """What it has written, to the screen and to the log."""

    @property
    def http(self) -> str:
        """Its address for HTTP."""
        return self.url.replace("ws://", "http://").removesuffix("/v1/realtime")

    def said(self) -> str:
        """Return what it has written."""
        # Reading by `seek` would move where the server writes on.
        return os.pread(self.log.fileno(), os.fstat(self.log.fileno()).st_size, 0).decode(
            errors="replace"
        )

    def memory_mb(self) -> float:
        """Memory the process has in use, in MB; 0 where there is no /proc."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return 0.0
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def waited_seconds(self) -> float:
        """Seconds for which its threads waited for a core that others used; 0 without /proc."""
        try:
            tasks = list(Path(f"/proc/{self.pid}/task").glob("*/schedstat"))
            return sum(int(task.read_text().split()[1]) for task in tasks) / 1e9
        except OSError:
            return 0.0

    def cpu_seconds(self) -> float | None:
        """CPU time the process has used so far; None where there is no /proc."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return None
        # proc(5): after the name, in brackets, the state is field 3; utime and stime are 14, 15.
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def active_sessions(self) -> int:
        """Ask the server how many sessions are open."""
        return int(json.loads(self._ask("/health"))["active_sessions"])

    def tasks(self) -> int:
        """Ask the server how many tasks its event loop has."""
        return int(
            float(self._ask("/metrics").rpartition("realtime_event_loop_tasks ")[2].split()[0])
        )

    def _ask(self, path: str) -> str:
        address = self.url.replace("ws://", "http://").replace("/v1/realtime", path)
        # The proxies of the environment cannot reach it.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(address, timeout=STOP_S) as answer:
            return str(answer.read().decode())

    def emptied(self) -> int:
        """Wait until no session is open; return how many still are at the time-out."""
        deadline = time.monotonic() + STOP_S
        while (left := self.active_sessions()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left

    def settle(self, files: int, tasks: int) -> None:
        """Wait until it has at most so many open files and tasks, or until the time-out.

        Connections end when their other end has, and calls of tabs that died when they are missed.
        """
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline:
            if self.tasks() <= tasks and len(os.listdir(f"/proc/{self.pid}/fd")) <= files:
                return
            time.sleep(0.2)


@contextmanager
def scripted_server(
    *, instant: bool = False, core: int | None = None, tree: Path = ROOT, **settings: str
) -> Iterator[LocalServer]:
    """Run a server for as long as the block lasts.

    Args:
        instant: Whether the providers answer at once, instead of as `DESCRIPTION` says.
        core: The only core it may use; None: any.
        tree: The checkout whose `main.py` is run.
        **settings: Further settings, `VAD__SPECULATIVE="false"`.

    Raises:
        ClientError: It does not start.
    """
    command = [sys.executable, str(tree.resolve() / "main.py")]
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    environment = _environment(instant)
    with _serving(command, {**environment, **_named(settings)}, tree) as server:
        yield server


@contextmanager
def server_of_tree(tree: Path, modules: Path, settings: Mapping[str, str]) -> Iterator[LocalServer]:
    """Run a checkout's server with providers of a benchmark's own.

    Args:
        tree: The checkout whose `main.py` is run.
        modules: The folder of the modules that the settings name.
        settings: `{"STT__PROVIDER": "module:Class"}`; the scripted providers are the default.

    Raises:
        ClientError: It does not start.
    """
    command = [sys.executable, str(tree.resolve() / "main.py")]
    environment = {**_environment(False), **_named(settings), "PYTHONPATH": str(modules)}
    with _serving(command, environment, tree) as server:
        yield server


@contextmanager
def configured_server(*flags: str, **settings: str) -> Iterator[LocalServer]:
    """Run a server with the stack that the environment and `flags` configure.

    Args:
        *flags: Of the command line, such as `--profile`, `offline`.
        **settings: Further settings, `VAD__SPECULATIVE="false"`.

    Raises:
        ClientError: It does not start.
    """
    command = [sys.executable, str(ROOT / "main.py"), *flags]
    with _serving(command, {**os.environ, **_named(settings)}, ROOT) as server:
        yield server


def _named(settings: Mapping[str, str]) -> dict[str, str]:
    return {f"REALTIME_{key}": value for key, value in settings.items()}


@contextmanager
def _serving(
    command: Sequence[str], environment: Mapping[str, str], tree: Path
) -> Iterator[LocalServer]:
    port = _free_port()
    # A folder of its own, without `.env`: only the benchmark's settings apply.
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            if not _healthy(process, port):
                log.seek(0)
                said = log.read().decode(errors="replace").strip().rpartition("\n")[2]
                raise ClientError(
                    f"The server of {tree} did not start. Last words: {said or 'none'}"
                )
            yield LocalServer(f"ws://127.0.0.1:{port}/v1/realtime", process.pid, log)
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment(instant: bool) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("REALTIME_")}
    chosen = {}
    for kind, options in {"STT": STT, "LLM": LLM, "TTS": TTS}.items():
        chosen[f"REALTIME_{kind}__PROVIDER"] = "scripted"
        delays = {name: 0 if instant else delay for name, delay in options.items()}
        chosen[f"REALTIME_{kind}__OPTIONS"] = json.dumps(delays)
    return inherited | chosen


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _healthy(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server answers /health; False if it ends, or not in time."""
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return True
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    return False
