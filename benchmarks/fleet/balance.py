"""How even sessions lie on the pods, by the way the balancer chooses."""

from __future__ import annotations

from benchmarks.fleet import figures as known
from benchmarks.fleet.gateways import Chooser, Fleet, at_random, fewest, of_two
from benchmarks.fleet.table import number, percent, table

PODS = 20
WAYS: tuple[tuple[str, Chooser], ...] = (
    ("any (a Kubernetes Service)", at_random),
    ("the less busy of two (Envoy's `LEAST_REQUEST`)", of_two),
    ("the least busy (`least_conn`, `leastconn`)", fewest),
)


def spread_of(choose: Chooser, each: float, seed: int = 1) -> tuple[list[int], float]:
    """Run a fleet for half an hour.

    Args:
        choose: How the balancer chooses.
        each: Sessions of a pod, on average.
        seed: Of chance.

    Returns:
        Sessions of the pods, each minute of the second half, and how many pods answered 503, for
        each new session.
    """
    sessions = int(PODS * each)
    fleet = Fleet(PODS, sessions=sessions, choose=choose, seed=seed)
    seen: list[int] = []
    fleet.steady(sessions, 1800)
    fleet.every(60, lambda: seen.extend(len(pod.sessions) for pod in fleet.pods), first=900)
    fleet.run(1800)
    return seen, fleet.counts.full / fleet.counts.placed


def balance() -> str:
    """Make the table."""
    rows = []
    for name, choose in WAYS:
        row = [name]
        for each in (known.PLANNED.value, 85.0):
            seen, refused = spread_of(choose, each)
            row += [f"{number(min(seen))} to {number(max(seen))}", percent(refused)]
        rows.append(row)
    head = [
        f"the balancer takes, of {PODS} pods",
        f"sessions of a pod, {known.PLANNED.value:.0f} on average",
        "503, of new sessions",
        "85 on average",
        "503, of new sessions",
    ]
    return table(head, rows)
