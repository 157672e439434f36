"""What a server has said otherwise than the recorded one, once a session was played to it.

A recording that was cut off, or whose client left at once, does not have what would have come next.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from recordings.differences import Difference, differences, subject, unfinished
from recordings.ids import Ids
from recordings.pairing import AT_WILL, is_piece
from recordings.replay import QUIET_S, Played, ended_by_server
from recordings.timeline import Timeline
from settings.localisation import _


@dataclass(frozen=True)
class Outcome:
    """What a replay has shown."""

    differences: list[Difference]
    closing: str | None
    """What is different of the end; None: nothing."""


def compare(laid: Timeline, played: Played, ignore: Sequence[str] = ()) -> Outcome:
    """Compare what a server has said with what it had said in the recording."""
    recorded = laid.of("server")
    past_ms = _unseen_from_ms(laid, played)
    # Pieces are compared by their sum, all else by what corresponds to it.
    met = [one for one in played.of_server() if one.ms <= past_ms or not is_piece(one)]
    found = differences(recorded, met, ignore=ignore, ids=played.ids)
    if past_ms < float("inf"):
        going_on = unfinished(recorded)
        found = [one for one in found if not _is_unseen(one, past_ms, going_on, played.ids)]
    return Outcome(found, _closing(laid, played))


def _is_unseen(one: Difference, past_ms: float, going_on: Collection[str], ids: Ids) -> bool:
    """Return whether a further event is one that the recorded client has not waited for.

    Args:
        one: The difference.
        past_ms: When all of the recording had come.
        going_on: What the recording does not have the end of (`unfinished`).
        ids: Which id is which.
    """
    if one.kind != "further" or one.met is None:
        return False
    if one.met.ms > past_ms or one.type in AT_WILL:
        return True
    event = ids.recorded(one.met.event or {})
    if subject(event) in going_on:
        return True
    # Items of the conversation do not name their response.
    item = event.get("item")
    return bool(going_on) and isinstance(item, dict) and item.get("role") != "user"


def _unseen_from_ms(laid: Timeline, played: Played) -> float:
    """Return from when on what the server says is beyond the recording.

    Who leaves as soon as there is what it waited for, or is cut off, has not seen what came next.
    """
    recording = laid.recording
    last = laid.of("server")[-1:]
    stayed_ms = 0.0
    if recording.ended_ms is not None and recording.stopped is None and last:
        stayed_ms = recording.ended_ms - last[0].ms
    if stayed_ms >= 1000 * QUIET_S or played.complete_ms is None:
        return float("inf")
    return played.complete_ms


def _closing(laid: Timeline, played: Played) -> str | None:
    if laid.recording.ended is None and not played.unsent:
        # It was cut off: how it ended nobody knows.
        return None
    by_server = ended_by_server(laid)
    if played.closed is not None and not by_server:
        told = _("the server closed the connection {closing}; {count} messages were not sent")
        return told.format(closing=played.closed, count=played.unsent)
    if played.closed is None and by_server:
        told = _("the recorded session was ended by its server ({reason}), and this one was not")
        return told.format(reason=laid.recording.ended)
    return None
