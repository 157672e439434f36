"""Which process has a call: this one, another worker, or another replica (§D.4).

It is read off the call's id. Only a genuine id leads anywhere, and only to a worker's own socket,
or to the place that `server.replica_url` names for a replica.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config import ServerConfig
from serving.calls.call_ids import CallIds
from serving.process.seat import Seat
from settings.call_addresses import REPLICA

PASSED_ON = "x-realtime-passed-on"
"""Header of requests that a replica has passed on: no other one passes them on again."""


class UnknownCall(Exception):
    """No process that could be asked has the call."""


@dataclass(frozen=True, slots=True)
class Here:
    """This process has the call, if it still goes on."""


@dataclass(frozen=True, slots=True)
class Worker:
    """Another worker has it."""

    door: Path
    """Its Unix socket."""


@dataclass(frozen=True, slots=True)
class Replica:
    """Another replica has it."""

    url: str
    """Its base URL."""
    name: str


class Whereabouts:
    """Finds calls."""

    def __init__(self, server: ServerConfig, ids: CallIds, seat: Seat) -> None:
        """Prepare.

        Args:
            server: Names the replicas' URLs.
            ids: Reads the ids of calls.
            seat: Where this process serves.
        """
        self._server = server
        self._ids = ids
        self._seat = seat

    def of(self, call_id: str, headers: Mapping[str, str]) -> Here | Worker | Replica:
        """Return who has a call.

        Args:
            call_id: The `rtc_…` id.
            headers: Headers of the request for it, by lower-case name.

        Raises:
            UnknownCall: Nobody has.
        """
        owner = self._ids.owner_of(call_id)
        if owner is None:
            raise UnknownCall
        if owner.replica != self._ids.owner.replica:
            template = self._server.replica_url
            # Ids of a server without a name are genuine too where the secret is shared.
            if template is None or not owner.replica or PASSED_ON in headers:
                raise UnknownCall
            return Replica(template.replace(REPLICA, owner.replica).rstrip("/"), owner.replica)
        if owner.worker == self._ids.owner.worker:
            return Here()
        door = self._seat.door_of(owner.worker)
        if door is None or not door.exists():
            raise UnknownCall
        return Worker(door)
