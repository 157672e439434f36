"""A machine of Ray's: processes, network, `/tmp` and `/dev/shm` of its own, which end together."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.network import Network, at
from tests.support.places import ROOT

HEAD = "10.77.0.10"
GCS = f"{HEAD}:6379"
PORT = 8000
STORE_BYTES = 80_000_000
"""Ray's least; Serve keeps nothing in it."""
REPLICA_PORTS = range(30000, 31001)
_BIN = Path(sys.executable).parent
_OWN = """\
mount --bind "$0" /tmp && mount -t tmpfs -o size=120m tmpfs /dev/shm
until "$@"; do sleep 1; done
"""
"""A worker gives up where there is no head yet; it is started again, as Kubernetes would."""
_WAYS_IN = ("--mount", "--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL")


class CommandFailed(Exception):
    """A command has ended with an error."""


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica of Ray Serve's."""

    kind: str
    machine: Machine
    pid: int
    """Its process, as this process sees it."""
    port: int

    @property
    def http(self) -> str:
        """Its own address, past all proxies."""
        return f"http://{self.machine.address}:{self.port}/{self.kind}"


class Machine:
    """One of them; it can be lost, and start again with what was on its disk."""

    def __init__(
        self,
        network: Network,
        name: str,
        address: str,
        folder: Path,
        environment: Mapping[str, str],
    ) -> None:
        """Prepare.

        Args:
            network: Where it is connected.
            name: Of its network namespace.
            address: Of its link.
            folder: Its disk.
            environment: Variables of all that runs on it.
        """
        self.name = name
        self.address = address
        self._network = network
        self._folder = folder
        self._environment = environment
        self._log = folder.with_suffix(".log")
        self._process: asyncio.subprocess.Process | None = None
        folder.mkdir()
        network.host(name, address)

    async def start(self) -> None:
        """Start Ray on it."""
        options = ["--num-cpus=2", f"--address={GCS}"]
        if self.address == HEAD:
            # Replicas need a CPU: none is on the head.
            options = ["--num-cpus=0", "--head", "--port=6379", "--include-dashboard=false"]
        command = [str(_BIN / "ray"), "start", "--block", f"--node-ip-address={self.address}"]
        command += [f"--object-store-memory={STORE_BYTES}", "--include-log-monitor=false"]
        command += options
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *at(self.name, "unshare", *_WAYS_IN, "sh", "-c", _OWN, str(self._folder), *command),
                env={**_kept(), **self._environment},
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    async def run(self, *command: str) -> str:
        """Run a command of Ray's on it, and return what it says.

        Raises:
            CommandFailed: It ends with an error.
        """
        assert self._process is not None
        inside = _children(self._process.pid)
        if not inside:
            raise CommandFailed(f"{self.name} has not begun")
        process = await asyncio.create_subprocess_exec(
            *("nsenter", f"--target={inside[0]}", "--mount", "--pid", "--net"),
            *(f"--wd={ROOT}", str(_BIN / command[0]), *command[1:]),
            env={**_kept(), **self._environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _none = await process.communicate()
        if process.returncode:
            raise CommandFailed(f"{' '.join(command)} failed:\n{said.decode()[-3000:]}")
        return said.decode()

    def cut(self) -> None:
        """Cut its link: packets are lost, and nobody is told."""
        self._network.cut(self.name)

    def mend(self) -> None:
        """Connect it again."""
        self._network.mend(self.name)

    async def lose(self) -> None:
        """Lose the machine and its disk: its link first, so that nobody hears of its end."""
        self.cut()
        await self.end()
        shutil.rmtree(self._folder)
        self._folder.mkdir()
        self.mend()

    async def end(self) -> None:
        """End all that runs on it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def replicas(self) -> list[Replica]:
        """Return the replicas that answer on it."""
        process = await asyncio.create_subprocess_exec(
            *at(self.name, "ss", "-Htlnp"), stdout=asyncio.subprocess.PIPE
        )
        listed, _none = await process.communicate()
        found = re.findall(r":(\d+)\s+\S+\s+users:\(\(\"[^\"]*\",pid=(\d+)", listed.decode())
        replicas = []
        for port, pid in found:
            if int(port) in REPLICA_PORTS and (kind := _kind(int(pid))):
                replicas.append(Replica(kind, self, int(pid), int(port)))
        return replicas


async def all_replicas(machines: Sequence[Machine], kind: str) -> list[Replica]:
    """Return the replicas of a kind on all machines."""
    listed = await asyncio.gather(*(machine.replicas() for machine in machines))
    return [one for replicas in listed for one in replicas if one.kind == kind]


def _kind(pid: int) -> str | None:
    try:
        title = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return None
    found = re.match(r"ray::ServeReplica:(\w+)", title)
    return found[1] if found else None


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _kept() -> dict[str, str]:
    dropped = ("REALTIME_", "RAY_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
