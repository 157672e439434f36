"""An update of all pods: what it cuts, how long it takes, how many pods it needs meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.fleet import figures as known
from benchmarks.fleet.autoscaler import Autoscaler, Kind
from benchmarks.fleet.deployment import Deployment
from benchmarks.fleet.gateways import Fleet
from benchmarks.fleet.table import number, percent, seconds, table

PODS = 20
BEGINS_S = 60.0
LOOKS_S = 5.0
LASTS_S = 3000.0
LONGEST_S = 5 * 3600.0
FEW_NODES = 25
CASES: tuple[tuple[float, Kind | None, int | None], ...] = (
    (0, None, None),
    (300, None, None),
    (600, None, None),
    (3600, None, None),
    (600, None, FEW_NODES),
    (3600, None, FEW_NODES),
    (3600, "pods, draining too", None),
    (3600, "pods", None),
    (3600, "sum", None),
)
NAMES: dict[Kind | None, str] = {
    None: "none",
    "pods, draining too": "HPA, all pods",
    "pods": "HPA, without pods that drain",
    "sum": "KEDA, without pods that drain",
}


@dataclass(slots=True)
class Update:
    """What an update did."""

    cut: float
    """Share of the sessions that were open when it began."""
    gave_up: int
    """Clients who did not come back, or never got in."""
    lasts_s: float
    """Until the last old pod had ended."""
    most_pods: int
    """At once, with those that drain."""
    extra_hours: float
    """Hours of pods beyond the usual ones."""
    fewest: int
    """Pods that there were to be, at least."""
    busiest: int
    """Most sessions of a pod."""


def update(drain_s: float, kind: Kind | None, room: int | None = None, seed: int = 3) -> Update:
    """Update a fleet under its usual load.

    Args:
        drain_s: `server.drain_s`.
        kind: The autoscaler. None: the number of pods is fixed.
        room: Pods that there are nodes for. None: any number.
        seed: Of chance.
    """
    sessions = int(PODS * known.PLANNED.value)
    fleet = Fleet(PODS, sessions=sessions, room=room, seed=seed)
    deployment = Deployment(fleet, drain_s=drain_s)
    if kind:
        Autoscaler(fleet, deployment, kind)
    fleet.steady(sessions, LONGEST_S)
    fleet.at(BEGINS_S, deployment.update)
    pods: list[int] = []
    ended: list[float] = []

    def look() -> None:
        pods.append(fleet.running)
        if fleet.now > BEGINS_S and not deployment.updating and not ended:
            ended.append(fleet.now - BEGINS_S)

    fleet.every(LOOKS_S, look)
    fleet.run(LASTS_S)
    while not ended and fleet.now < LONGEST_S:
        fleet.run(fleet.now + 60)
    return Update(
        cut=fleet.counts.cut / sessions,
        gave_up=fleet.counts.gave_up,
        lasts_s=ended[0],
        most_pods=max(pods),
        extra_hours=sum(max(0, count - PODS) for count in pods) * LOOKS_S / 3600,
        fewest=deployment.fewest,
        busiest=fleet.counts.busiest,
    )


def updates() -> str:
    """Make the table."""
    rows = []
    for drain_s, kind, room in CASES:
        one = update(drain_s, kind, room)
        rows.append(
            [
                f"{drain_s:.0f}",
                NAMES[kind],
                f"{room} pods" if room else "any",
                percent(one.cut),
                seconds(one.lasts_s),
                number(one.most_pods),
                number(one.extra_hours),
                number(one.fewest),
                number(one.busiest),
            ]
        )
    head = [
        "`server.drain_s`",
        "autoscaler",
        "nodes for",
        "sessions cut",
        "old pods are gone after",
        "pods at once",
        "extra pod-hours",
        "fewest pods wanted",
        "busiest pod",
    ]
    return table(head, rows)
