"""What a simulated fleet consists of: pods, clients, and the count of what happened to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class State(Enum):
    """Of a pod."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    DEAD = "dead"
    """Killed or cut off; Kubernetes still counts on it."""


@dataclass(eq=False, slots=True)
class Pod:
    """A gateway."""

    number: int
    zone: int
    state: State = State.STARTING
    sessions: set[int] = field(default_factory=set)
    version: int = 0
    since: float = 0.0
    """When it was ready, in seconds."""
    listed: bool = False
    """Whether the balancer sends clients there: for a while, it may do so to one that is dead."""


@dataclass(slots=True)
class Client:
    """Somebody who talks, or wants to."""

    number: int
    ends: float
    """When the conversation is over, if it is not cut, in seconds. For one who waits: how long it
    is to last."""
    pod: Pod | None = None
    came: float = 0.0
    """Since when it has been waiting for a place."""
    attempt: int = 0
    was_cut: bool = False


@dataclass(slots=True)
class Count:
    """What happened to clients."""

    placed: int = 0
    full: int = 0
    """Pods that answered 503, whether or not the next one had a place."""
    turned_away: int = 0
    """Attempts for which no pod had a place."""
    refused: int = 0
    """New clients who found none at once."""
    gave_up: int = 0
    """Clients who tried as often as they do, in vain."""
    lost: int = 0
    """Those of them who had been in."""
    cut: int = 0
    """Sessions that were cut by a drain's end or a kill."""
    returns: list[float] = field(default_factory=list)
    """Seconds after which clients who had been cut were in again."""
    waits: list[float] = field(default_factory=list)
    """Seconds that new clients waited, of those who found no place at once, and got in."""
    busiest: int = 0
    """The most sessions that a pod ever had."""
