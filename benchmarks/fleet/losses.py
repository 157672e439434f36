"""Pods, nodes, zones and cells that go: who gets back in, and when."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.fleet import figures as known
from benchmarks.fleet.autoscaler import Autoscaler
from benchmarks.fleet.deployment import Deployment
from benchmarks.fleet.gateways import Fleet
from benchmarks.fleet.records import Pod
from benchmarks.fleet.table import number, percent, seconds, table

PODS = 30
NODE_PODS = 5
BEGINS_S = 60.0
LASTS_S = 600.0
CUT_OFF = (known.PING.value, known.PING.value + known.PONG.value)
LOADS = (50.0, 60.0, 66.0, 70.0, 80.0)
CELLS = (2, 3, 4, 6, 10)
ROOM = 0.92
"""Share of its places that a fleet can fill before some pod is full."""
FULL = 0.9
"""Load of models that is borne for a while, when a cell is gone."""


@dataclass(slots=True)
class Loss:
    """What became of those whose pod went, and of those who came then."""

    cut: float
    """Their share of all."""
    half_s: float
    """Until half of them were back, of those who came back."""
    late_s: float
    """Until 99 % of these were."""
    lost: float
    """Share of them that gave up."""
    refused: float
    """Share of the new clients that found no place at once."""
    turned_away: float
    """Share of the new clients that gave up."""
    busiest: int
    """Most sessions of a pod."""


def lose(
    each: float,
    doomed: Callable[[list[Pod]], list[Pod]],
    *,
    silent: bool = False,
    back_s: float = known.NODE_LOST.value + known.EVICTION.value,
    pods: int = PODS,
    zones: int = 3,
    seed: int = 5,
) -> Loss:
    """Lose some pods.

    Args:
        each: Sessions of a pod before.
        doomed: Which pods.
        silent: They are cut off from the network, rather than killed: clients and balancers learn
            of it when nothing answers.
        back_s: Seconds until Kubernetes replaces them.
        pods: How many there are before.
        zones: Over so many zones.
        seed: Of chance.
    """
    sessions = int(pods * each)
    fleet = Fleet(pods, sessions=sessions, zones=zones, seed=seed)
    Autoscaler(fleet, Deployment(fleet, drain_s=3600), "pods", target=each)
    fleet.steady(sessions, LASTS_S)
    fleet.run(BEGINS_S)
    gone = doomed(fleet.pods)
    before = fleet.counts.placed
    for pod in gone:
        fleet.kill(
            pod,
            notice=CUT_OFF if silent else None,
            known_after=known.NODE_LOST.value if silent else known.PROBES.value,
        )
        fleet.at(BEGINS_S + back_s, lambda pod=pod: fleet.forget(pod))  # type: ignore[misc]
    fleet.run(LASTS_S)
    counts, returns = fleet.counts, sorted(fleet.counts.returns)
    new = counts.placed - before - len(returns) + counts.gave_up - counts.lost
    return Loss(
        cut=counts.cut / sessions,
        half_s=returns[len(returns) // 2],
        late_s=returns[int(0.99 * (len(returns) - 1))],
        lost=counts.lost / counts.cut,
        refused=counts.refused / new,
        turned_away=(counts.gave_up - counts.lost) / new,
        busiest=counts.busiest,
    )


def one_pod(pods: list[Pod]) -> list[Pod]:
    """Choose a pod."""
    return pods[:1]


def one_node(pods: list[Pod]) -> list[Pod]:
    """Choose the pods of a node."""
    return [pod for pod in pods if pod.zone == 0][:NODE_PODS]


def one_zone(pods: list[Pod]) -> list[Pod]:
    """Choose the pods of one zone."""
    return [pod for pod in pods if pod.zone == 0]


def losses() -> str:
    """Make the table of what goes."""
    restart = known.START_S.value + known.PROBES.value
    usual = known.PLANNED.value
    cases: list[tuple[str, float, Loss]] = [
        ("one, reset", usual, lose(usual, one_pod, back_s=restart)),
        (f"{NODE_PODS} on one node, reset", usual, lose(usual, one_node)),
        (f"{NODE_PODS} on one node, silent", usual, lose(usual, one_node, silent=True)),
    ]
    cases += [("a zone of three, reset", each, lose(each, one_zone)) for each in LOADS]
    borne = LOADS[1]
    cases.append(("a zone of three, silent", borne, lose(borne, one_zone, silent=True)))
    rows = [
        [
            name,
            f"{each:.0f}",
            percent(loss.cut),
            seconds(loss.half_s),
            seconds(loss.late_s),
            percent(loss.lost),
            percent(loss.turned_away),
            number(loss.busiest),
        ]
        for name, each, loss in cases
    ]
    head = [
        f"of {PODS} pods",
        "sessions a pod before",
        "sessions cut",
        "half are back after",
        "99 % after",
        "of those cut, gave up",
        "of new clients, gave up",
        "busiest pod",
    ]
    return table(head, rows)


def cells() -> str:
    """Make the table of cells, of which one may go."""
    places, load = known.PLACES.value, known.LOAD.value
    rows = []
    for count in CELLS:
        left = (count - 1) / count
        each = min(known.PLANNED.value, math.floor(places * left * ROOM))
        models = min(load, FULL * left)
        came = each / (count - 1)
        rows.append(
            [
                str(count),
                percent(1 / count),
                number(each),
                percent(models),
                f"{known.PLANNED.value / each:.2f}; {load / models:.2f}",
                f"{number(came)} sessions, {number(came * known.START_CPU.value)} ms",
            ]
        )
    head = [
        "cells",
        "calls cut with one",
        "sessions a pod before",
        "load of models before",
        "gateways; GPUs, times as many",
        "comes to each pod that is left",
    ]
    return table(head, rows)
