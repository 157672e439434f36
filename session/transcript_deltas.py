"""Turns interim transcripts, which change, into deltas, which cannot be taken back (§B.3).

A delta carries what two successive interim transcripts agree on, since recognisers mostly revise
their last words. The rest follows with the final transcript. If that contradicts what was sent, no
further delta is sent; the `completed` event carries the correct transcript.
"""

from __future__ import annotations

from dataclasses import dataclass
from unicodedata import east_asian_width


@dataclass(slots=True)
class _Turn:
    heard: str = ""
    """The latest interim transcript."""
    agreed: str = ""
    """What the latest two have in common, or the final transcript."""
    sent: str = ""


class TranscriptDeltas:
    """The transcripts in progress of one session, by item id."""

    def __init__(self) -> None:
        """Start with none."""
        self._turns: dict[str, _Turn] = {}

    def understood(self, item_id: str, text: str) -> None:
        """Take an interim transcript of all of a turn so far."""
        turn = self._turns.setdefault(item_id, _Turn())
        turn.agreed = _whole_words(_common_prefix(turn.heard, text), text)
        turn.heard = text

    def final(self, item_id: str, text: str) -> None:
        """Take the final transcript of a turn."""
        self._turns.setdefault(item_id, _Turn()).agreed = text

    def next_delta(self, item_id: str) -> str:
        """Return the next delta of a committed turn; empty: nothing to send."""
        turn = self._turns.get(item_id)
        if turn is None or not turn.agreed.startswith(turn.sent):
            return ""
        delta, turn.sent = turn.agreed[len(turn.sent) :], turn.agreed
        return delta

    def forget(self, item_id: str) -> None:
        """Drop a turn."""
        self._turns.pop(item_id, None)


def _common_prefix(one: str, other: str) -> str:
    length = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        length += 1
    return one[:length]


def _whole_words(prefix: str, text: str) -> str:
    """Cut a prefix of `text` back to the end of a whole word."""
    rest = text[len(prefix) :]
    if not rest or not _in_word(rest[0]) or not prefix or not _in_word(prefix[-1]):
        return prefix.rstrip()
    return prefix[: prefix.rfind(" ") + 1].rstrip()


def _in_word(character: str) -> bool:
    return character.isalnum() and east_asian_width(character) not in "WF"
