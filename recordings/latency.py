"""How long each answer took, in the recording and now, as the client sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from recordings.ids import Ids
from recordings.pairing import response_of
from recordings.timeline import Message

STAGES = ("transcript", "created", "first text", "first audio", "done")
_STARTS = ("response.create", "input_audio_buffer.committed")
"""What an answer is counted from, whichever came last: it is asked for, or a turn is over."""
_TEXTS = ("text.delta", "transcript.delta", "arguments.delta")


@dataclass
class Took:
    """What an answer took, in ms since its turn was over or it was asked for."""

    response_id: str
    stages: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Compared:
    """A stage of an answer."""

    answer: int
    """Which answer of the session, from 1."""
    stage: str
    recorded_ms: float
    now_ms: float

    @property
    def ratio(self) -> float:
        """How many times as long it takes now."""
        return max(self.now_ms, 0.1) / max(self.recorded_ms, 0.1)


def latencies(
    recorded: Sequence[Message], met: Sequence[Message], ids: Ids | None = None
) -> list[Compared]:
    """Compare how long answers took.

    Args:
        recorded: The messages of both sides in the recording, in order.
        met: Those of now.
        ids: Which id is which; None: they are the same.
    """
    now = {answer.response_id: answer for answer in _answers(met)}
    compared: list[Compared] = []
    for number, was in enumerate(_answers(recorded), 1):
        name = was.response_id if ids is None else ids.now({"id": was.response_id})["id"]
        other = now.get(name)
        if other is None:
            continue
        compared += [
            Compared(number, stage, was.stages[stage], other.stages[stage])
            for stage in STAGES
            if stage in was.stages and stage in other.stages
        ]
    return compared


def _answers(messages: Sequence[Message]) -> list[Took]:
    answers: dict[str, tuple[float, str, Took]] = {}
    began_ms, item_id = 0.0, ""
    for message in messages:
        event = message.event or {}
        if message.type in _STARTS:
            began_ms, item_id = message.ms, str(event.get("item_id", ""))
            continue
        if message.side != "server":
            continue
        name = response_of(event)
        if message.type == "response.created":
            answers[name] = (began_ms, item_id, Took(name))
        if message.type.endswith("input_audio_transcription.completed"):
            for began, of_item, took in answers.values():
                if of_item and of_item == event.get("item_id"):
                    took.stages.setdefault("transcript", message.ms - began)
        found = answers.get(name)
        stage = _stage(message)
        if found is not None and stage is not None:
            found[2].stages.setdefault(stage, message.ms - found[0])
    return [took for _began, _item, took in answers.values()]


def _stage(message: Message) -> str | None:
    if message.type == "response.created":
        return "created"
    if message.type == "response.done":
        return "done"
    if message.carries_audio:
        return "first audio"
    return "first text" if message.type.endswith(_TEXTS) else None
