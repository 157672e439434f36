"""What a client under test did otherwise than the recorded one, once it has gone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from recordings.differences import Difference, differences
from recordings.ids import Ids
from recordings.pairing import is_piece
from recordings.timeline import Message, Timeline
from settings.localisation import _

AUDIO_MS = 200.0
"""How much audio more or less may come before a commit: a client cuts it as it likes."""
_BY_CHANCE = ("times",)
"""Not compared: how much of an answer had been played when it was interrupted."""
_COMMITS = ("input_audio_buffer.commit", "input_audio_buffer.clear")


@dataclass(frozen=True)
class Outcome:
    """What a client under test has done otherwise."""

    differences: list[Difference]
    facts: list[str]
    """What is otherwise beside its messages: a line each."""
    late: list[str]
    """Types of messages that the server has waited for in vain."""
    came: int
    """How many messages have come."""
    sent: int
    """How many events of the server were sent."""


def outcome(
    laid: Timeline,
    met: Sequence[Message],
    *,
    sent: int,
    late: Sequence[str] = (),
    dialect: str | None = None,
    ignore: Collection[str] = (),
) -> Outcome:
    """Compare what a client sent with what the recorded one did.

    Args:
        laid: The recording.
        met: What came, with the ids of the recorded client.
        sent: How many events of the server were sent.
        late: Types of messages that were waited for in vain.
        dialect: The dialect of the client; None: it is not compared.
        ignore: What is not compared (`differences`).
    """
    recorded = laid.of("client")
    ids = Ids()
    for message in laid.of("server"):
        # What the server has named is called as it was: another id is another thing.
        ids.learn(message.event or {}, message.event or {})
    found = differences(recorded, met, ignore={*ignore, *_BY_CHANCE}, ids=ids)
    if laid.recording.ended is None:
        # It was cut off: what the recorded client sent next, nobody knows.
        further = [one.met for one in found if one.kind == "further"]
        last = max((at for at, one in enumerate(met) if one not in further), default=-1)
        found = [one for one in found if one.met is None or one.met not in met[last + 1 :]]
    facts = []
    if dialect not in (None, laid.dialect):
        facts.append(
            _("the client speaks the dialect {now}; the recorded one spoke {recorded}").format(
                now=dialect, recorded=laid.dialect
            )
        )
    if "audio" not in ignore:
        facts += _commits(recorded, met)
    unsaid = laid.of("server")[sent:]
    if any(_tells(one) for one in unsaid):
        facts.append(
            _("the client left before {type} came (events behind it: {more})").format(
                type=unsaid[0].type, more=len(unsaid) - 1
            )
        )
    return Outcome(found, facts, list(dict.fromkeys(late)), len(met), sent)


def _tells(message: Message) -> bool:
    """Return whether somebody who leaves before this has missed something of the conversation.

    What comes behind the end of the last answer, such as rate limits, the recorded client may not
    have read either.
    """
    return is_piece(message) or message.type.endswith(("response.done", ".completed", ".failed"))


def _commits(recorded: Sequence[Message], met: Sequence[Message]) -> Iterator[str]:
    """Yield which commits came behind another amount of audio."""
    for kind in _COMMITS:
        both = zip(_behind(recorded, kind), _behind(met, kind), strict=False)
        for number, (was, now) in enumerate(both, 1):
            if abs(was - now) > AUDIO_MS:
                yield _(
                    "{type} {number} came behind {now} s of audio, and was behind {was} s"
                ).format(type=kind, number=number, now=f"{now / 1000:.1f}", was=f"{was / 1000:.1f}")


def _behind(messages: Sequence[Message], kind: str) -> list[float]:
    """Return behind how much audio, in ms, each message of a type came."""
    heard_ms = 0.0
    found: list[float] = []
    for message in messages:
        if message.carries_audio:
            heard_ms += message.audio_ms
        elif message.type == kind:
            found.append(heard_ms)
    return found
