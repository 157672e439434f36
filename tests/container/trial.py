"""What an image of the server is tried with, as `make container` does it: by podman, from outside.

The container gets what the documentation says it needs and no more: keys, a volume, room in `/tmp`,
a root that is read-only, no capability, a number for a user.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.container.closed_network import NAMESERVER, ClosedNetwork
from tests.container.compositions import KEYS, services
from tests.support.places import ROOT

KEY = KEYS["REALTIME_API_KEYS"]
START_S, STOP_S = 90, 30
GONE = ("textual", "sounddevice", "pytest", "numba", "llvmlite", "mypy")
VOLUME = "/var/cache/open-realtime-server"
CLIENT_THAT_WAITS = f"""
import asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
async def main():
    url = "ws://127.0.0.1:8000/v1/realtime"
    headers = {{"Authorization": "Bearer {KEY}"}}
    async with connect(url, additional_headers=headers, proxy=None) as wire:
        await wire.recv()
        print("open", flush=True)
        try:
            while True:
                await wire.recv()
        except ConnectionClosed as closed:
            print("closed", closed.rcvd.code if closed.rcvd else "without a word", flush=True)
asyncio.run(main())
"""


@dataclass(frozen=True)
class Trial:
    """An image, the network to try it in, and a folder for what is made."""

    image: str
    network: ClosedNetwork
    folder: Path

    def run(self, name: str, *options: str, arguments: tuple[str, ...] = ()) -> list[str]:
        """Return the command that starts a container of it, with podman's options, and its own."""
        resolver = self.folder / "resolv.conf"
        resolver.write_text(f"nameserver {NAMESERVER}\noptions timeout:1 attempts:1\n")
        return [
            *("podman", "run", "--name", name, "--cgroups=disabled"),
            # Within what a machine without CAP_SYS_RESOURCE may set.
            *("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"),
            *("--network", f"ns:/run/netns/{self.network.name}"),
            *("--volume", f"{resolver}:/etc/resolv.conf:ro"),
            *("--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp:rw,mode=1777"),
            *("--cap-drop", "all", "--security-opt", "no-new-privileges"),
            *options,
            self.image,
            *arguments,
        ]


def try_image(trial: Trial) -> None:
    """Try everything; raises `AssertionError` with what is wrong."""
    refuses_without_keys(trial)
    before = trial.network.sent()
    ends_while_it_starts(trial)
    with serving(trial) as name:
        holds_no_more_than_it_needs(name)
        talks(trial)
        writes_nothing_outside(name)
        with open_session(trial) as session:
            ends_in_good_order(name)
            assert session.stdout is not None
            said = session.stdout.read().split()
            assert said == ["closed", "1001"], f"the open session was told {said}"
        print("told to stop: its session was closed with 1001, exit status 0", flush=True)
    serves_models(trial)
    sent = trial.network.sent() - before
    assert not sent, f"it has sent {sent} packets to others"
    trial.network.send_one()
    assert trial.network.sent() > before, "packets are not counted"
    print("no packet was sent to others", flush=True)


def refuses_without_keys(trial: Trial) -> None:
    """Without keys it does not serve others, and says so."""
    ran = subprocess.run(
        trial.run("keyless", "--rm"), capture_output=True, text=True, timeout=START_S, check=False
    )
    assert ran.returncode != 0, "it serves everybody without keys"
    assert "REALTIME_API_KEYS" in ran.stdout + ran.stderr, f"no remedy: {ran.stderr[-2000:]}"
    print("without keys it refuses to serve", flush=True)


def ends_while_it_starts(trial: Trial) -> None:
    """Told to stop before it can serve anybody, it ends at once; podman would kill it: 137."""
    name = f"early-{os.getpid()}"
    command = trial.run(
        name, "--detach", "--stop-timeout", str(STOP_S), "--env", f"REALTIME_API_KEYS={KEY}"
    )
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    try:
        asyncio.run(_hears_signals(name))
        ended = _ended(name)
        said = _podman("logs", name).stdout
        assert (ended, said) == ("143", ""), f"exit status {ended}, it said {said}"
    finally:
        _podman("rm", "--force", "--volumes", "--time", "1", name)
    print("told to stop while it started: it ended at once", flush=True)


async def _hears_signals(name: str) -> None:
    """Wait until Python itself has begun; before, the kernel passes no signal on to it."""
    number = _podman("inspect", "--format", "{{.State.Pid}}", name).stdout.strip()
    async with asyncio.timeout(START_S):
        while not _handles(Path(f"/proc/{number}/status"), signal.SIGTERM):
            await asyncio.sleep(0.01)


def _handles(status: Path, number: int) -> bool:
    (handled,) = re.findall(r"^SigCgt:\s*(\w+)$", status.read_text(), re.MULTILINE)
    return bool(int(handled, 16) >> (number - 1) & 1)


@contextmanager
def serving(
    trial: Trial,
    variables: Mapping[str, str] | None = None,
    kind: str = "server",
    arguments: tuple[str, ...] = (),
) -> Iterator[str]:
    """Start a container and wait until it is healthy; yields its name.

    Args:
        trial: What is tried.
        variables: For the container; None: the clients' key alone.
        kind: What it is called.
        arguments: For Python, in place of the image's own command.
    """
    name = f"{kind}-{os.getpid()}"
    begun = time.monotonic()
    told = {"REALTIME_API_KEYS": KEY} if variables is None else variables
    given = [word for name, value in told.items() for word in ("--env", f"{name}={value}")]
    given += ["--entrypoint", "python"] if arguments else []
    command = trial.run(
        name, "--detach", "--stop-timeout", str(STOP_S), *given, arguments=arguments
    )
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    try:
        asyncio.run(_healthy(name))
        print(f"{kind}: healthy after {time.monotonic() - begun:.1f} s", flush=True)
        yield name
    except BaseException:
        print(_podman("logs", name).stderr[-4000:], file=sys.stderr, flush=True)
        raise
    finally:
        _podman("rm", "--force", "--volumes", "--time", "1", name)


async def _healthy(name: str) -> None:
    async with asyncio.timeout(START_S):
        while _podman("healthcheck", "run", name).returncode:
            running = _podman("inspect", "--format", "{{.State.Running}}", name).stdout.strip()
            assert running == "true", "it has ended"
            await asyncio.sleep(0.2)


def holds_no_more_than_it_needs(name: str) -> None:
    """Neither the terminal client nor a tool for tests is in it, and its user has a number."""
    program = (
        "import importlib.util as u, json, os; print(json.dumps({"
        f"'modules': [m for m in {GONE!r} if u.find_spec(m)],"
        "'files': sorted(set(os.listdir('/app')) & {'tests', 'docs', 'clients', 'benchmarks',"
        " 'push_to_talk_app.py', '.git', '.venv', '.env'}),"
        "'user': os.getuid()}))"
    )
    told = json.loads(_podman("exec", name, "python", "-c", program).stdout)
    assert told == {"modules": [], "files": [], "user": 10001}, told


def talks(trial: Trial) -> None:
    """Two turns, one typed and one spoken, by the client that users have."""
    command = trial.network.inside(sys.executable, "test_client.py")
    tried = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "OPENAI_API_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    print(tried.stdout[-1500:], flush=True)
    assert tried.returncode == 0, f"the client is not content: {tried.stderr[-2000:]}"


def writes_nothing_outside(name: str) -> None:
    """Nothing has changed but below its volume, and there it may write."""
    changed = [
        line
        for line in _podman("diff", name).stdout.splitlines()
        # Places that a container engine itself makes to mount something on.
        if line.split()[1] not in ("/etc", "/run", "/var", "/var/cache", VOLUME, "/tmp")
        and not line.split()[1].startswith(("/etc/", "/run/", "/dev", "/proc", "/sys"))
    ]
    assert not changed, f"it has changed {changed}"
    refused = _podman("exec", name, "touch", "/app/x")
    assert refused.returncode != 0, "its root is not read-only"
    for place in (VOLUME, "/tmp"):
        touched = _podman("exec", name, "sh", "-c", f"touch {place}/x && rm {place}/x")
        assert touched.returncode == 0, f"it cannot write in {place}: {touched.stderr}"
    print("written outside the volume: nothing", flush=True)


@contextmanager
def open_session(trial: Trial) -> Iterator[subprocess.Popen[str]]:
    """Open a session in which nobody speaks; its process says how it was closed."""
    command = trial.network.inside(sys.executable, "-c", CLIENT_THAT_WAITS)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().strip() == "open", "no session is opened"
            yield process
        finally:
            process.kill()


def ends_in_good_order(name: str) -> None:
    """Told to stop, it ends by itself."""
    status = _ended(name)
    assert status == "0", f"its exit status is {status}"


def _ended(name: str) -> str:
    """Tell a container to stop; returns its exit status."""
    stopped = _podman("stop", name)
    assert stopped.returncode == 0, stopped.stderr
    return _podman("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip()


def serves_models(trial: Trial) -> None:
    """As a server of models beside a gateway, by the variables of their composition, it talks."""
    there = services(("models",), METRICS_KEY="")
    # The embedded engines for those that would be fetched; and where its health check asks.
    other = {"REALTIME_PROFILE": "embedded", "REALTIME_SERVER__PORT": "8001"}
    models = {**there["models"]["environment"], **other}
    gateway = {
        # In this network, all of them are one machine.
        name: value.replace("//models:", "//127.0.0.1:")
        for name, value in there["server"]["environment"].items()
        if value is not None
    }
    command = ("-m", "models_http")
    with serving(trial, models, "models", command) as name, serving(trial, gateway, "gateway"):
        talks(trial)
        log = _podman("logs", name)
        done = [json.loads(line) for line in log.stderr.splitlines() if line.startswith("{")]
        outcomes = {(line.get("event"), line.get("outcome")) for line in done}
        assert {("transcription", "completed"), ("speech", "completed")} <= outcomes, log.stderr
        ends_in_good_order(name)
    print("as a server of models it heard and spoke for a gateway", flush=True)


def _podman(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["podman", *words], capture_output=True, text=True, check=False)
