"""What a turn must look like: the judgement of `test_client.py` on the events that came.

Pure functions on a recorded turn; nothing here talks to a server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel, ValidationError

from audio.pcm import BYTES_PER_SAMPLE, duration_ms
from clients.recorded_turn import Event, Turn, audio_of, dig
from hearing.word_errors import compare
from settings.localisation import _

PAUSE_MS = 500
"""Silence that ends the spoken turn, as the session asks for it."""
SPOKEN_TURN = (
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
)
ANSWER = (
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
)
TRANSCRIPTION = "conversation.item.input_audio_transcription"

MODELS: dict[str, type[BaseModel]] = {
    get_args(model.model_fields["type"].annotation)[0]: model
    for model in get_args(get_args(RealtimeServerEvent)[0])
}
"""The SDK's own type of every server event."""


@dataclass(frozen=True)
class Check:
    """One verdict."""

    name: str
    passed: bool
    detail: str = ""


def check_session(turn: Turn) -> Iterator[Check]:
    """Judge the first two events of a session."""
    first = turn.events[0] if turn.events else {}
    session = first.get("session")
    yield Check(
        _("session.created is the first event"),
        first.get("type") == "session.created",
        _("{id}, model {model}").format(id=dig(session, "id"), model=dig(session, "model"))
        if session
        else turn.stopped or str(first.get("type")),
    )
    updated = turn.of("session.updated")
    heard = dig(updated, 0, "session", "audio", "input")
    yield Check(
        _("session.updated shows what session.update asked for"),
        len(updated) == 1
        and dig(heard, "transcription", "model") == "whisper-1"
        and dig(heard, "turn_detection", "silence_duration_ms") == PAUSE_MS,
        "" if heard else _("no session.updated"),
    )
    yield from check_all(turn)


def check_all(turn: Turn) -> Iterator[Check]:
    """Judge what holds for any turn: no errors, and the event types of the SDK."""
    wrong = [message for event in turn.events if (message := _misshapen(event))]
    yield Check(_("every event has the form the SDK declares"), not wrong, "; ".join(wrong[:3]))
    errors = [str(dig(event, "error", "message")) for event in turn.of("error")]
    yield Check(_("no error events"), not errors, "; ".join(errors[:3]))


def _misshapen(event: Event) -> str:
    kind = str(event.get("type"))
    model = MODELS.get(kind)
    if model is None:
        return _("{kind} is no event of the SDK").format(kind=kind)
    try:
        model.model_validate(event)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        return f"{kind}: {where}: {error.errors()[0]['msg']}"
    return ""


def check_typed(turn: Turn) -> Iterator[Check]:
    """Judge the events of a message the client created."""
    kinds = ("conversation.item.added", "conversation.item.done")
    items = [event for event in turn.of(*kinds) if dig(event, "item", "role") == "user"]
    yield Check(
        _("the message is acknowledged by item.added, then item.done"),
        [event["type"] for event in items] == list(kinds)
        and items[0]["item"] == items[1]["item"]
        and dig(items[0], "item", "content", 0, "type") == "input_text",
        ", ".join(event["type"] for event in items) or _("nothing came"),
    )


def check_spoken(turn: Turn, said: str | None = None) -> Iterator[Check]:
    """Judge turn detection and transcription.

    Args:
        turn: The events of the turn.
        said: What was said; None: nobody knows, as it is a recording of the user's.
    """
    item_id = dig(turn.of("input_audio_buffer.committed"), 0, "item_id")
    order = [
        event["type"]
        for event in turn.of(*SPOKEN_TURN)
        if "item" not in event or dig(event, "item", "id") == item_id
    ]
    yield Check(
        "speech_started, speech_stopped, committed, item.added, item.done, response.created",
        order == list(SPOKEN_TURN),
        ", ".join(kind.rsplit(".", 1)[-1] for kind in order) or _("no speech was detected"),
    )
    starts = len(turn.of(SPOKEN_TURN[0]))
    yield Check(
        _("the recording is one turn"),
        starts == 1,
        _("speech started {n} times; are there pauses over {ms} ms?").format(n=starts, ms=PAUSE_MS)
        if starts > 1
        else "",
    )
    ids = {event.get("item_id") for event in turn.of(*SPOKEN_TURN[:3])}
    yield Check(_("one item id from speech_started on"), ids == {item_id} != {None})
    done = [e for e in turn.of(f"{TRANSCRIPTION}.completed") if e.get("item_id") == item_id]
    heard = str(dig(done, 0, "transcript") or "")
    failure = dig(turn.of(f"{TRANSCRIPTION}.failed"), 0, "error", "message")
    yield Check(
        _("one transcription.completed, with words and usage"),
        len(done) == 1 and bool(heard.strip()) and bool(done[0].get("usage")),
        repr(heard) if done else str(failure or _("none came")),
    )
    deltas = turn.of(f"{TRANSCRIPTION}.delta")
    joined = "".join(str(e.get("delta")) for e in deltas if e.get("item_id") == item_id)
    yield Check(_("transcription deltas add up to it"), not deltas or joined == heard, repr(joined))
    if said is not None and done:
        found = compare(said, heard)
        yield Check(
            _("what was said is heard: {text!r}").format(text=said),
            found.understood,
            _("{right} of {said} words right").format(right=found.right, said=found.said),
        )


def _belongs(event: Event, response_id: str, items: set[Any]) -> bool:
    """Whether an event is part of a response."""
    if event.get("type", "").startswith(TRANSCRIPTION):
        return False
    mine = event.get("response_id") or dig(event, "response", "id")
    return mine == response_id or (dig(event, "item", "id") or event.get("item_id")) in items


def check_answer(turn: Turn) -> Iterator[Check]:
    """Judge the one response of a turn."""
    done = turn.of("response.done")
    response_id = str(dig(turn.of("response.created"), 0, "response", "id"))
    items = {dig(event, "item", "id") for event in turn.of("response.output_item.added")} - {None}
    own = [event for event in turn.events if _belongs(event, response_id, items)]
    of_any = [e for e in turn.events if e.get("response_id") or "response" in e]
    yield Check(
        _("response.created comes before the events of its response"),
        bool(own) and own[0] is of_any[0] and own[0].get("type") == "response.created",
        _("first: {kind}").format(kind=of_any[0].get("type"))
        if of_any
        else turn.stopped or _("no response"),
    )
    order = list(dict.fromkeys(e["type"] for e in own if e.get("type") in ANSWER))
    yield Check(
        _("the response opens and closes in the order of the protocol"),
        order == list(ANSWER),
        "" if order == list(ANSWER) else ", ".join(order),
    )
    final = dig(turn.of("response.output_audio_transcript.done"), 0, "transcript")
    deltas = turn.of("response.output_audio_transcript.delta")
    joined = "".join(str(event.get("delta")) for event in deltas)
    yield Check(
        _("{n} transcript deltas add up to the transcript").format(n=len(deltas)),
        bool(final) and joined == final,
        repr(final)
        if joined == final
        else _("{joined!r} is not {final!r}").format(joined=joined, final=final),
    )
    sizes = [len(audio_of(event)) for event in turn.of("response.output_audio.delta")]
    yield Check(
        _("audio came, in whole samples"),
        bool(sizes) and all(size and size % BYTES_PER_SAMPLE == 0 for size in sizes),
        _("{n} deltas, {ms:.0f} ms").format(n=len(sizes), ms=duration_ms(turn.audio())),
    )
    statuses = [dig(event, "response", "status") for event in done]
    yield Check(
        _("exactly one response.done, status completed"),
        statuses == ["completed"],
        f"{statuses} {dig(done, 0, 'response', 'status_details') or turn.stopped}"
        if statuses != ["completed"]
        else "",
    )
    last = next((i for i, e in enumerate(own) if e.get("type") == "response.done"), len(own))
    late = [str(event.get("type")) for event in own[last + 1 :]]
    yield Check(_("nothing of the response after response.done"), not late, ", ".join(late[:5]))


def report(checks: Sequence[Check]) -> list[Check]:
    """Print verdicts and return those that failed."""
    for check in checks:
        detail = f"  ({check.detail})" if check.detail else ""
        print(f"  {'PASS' if check.passed else 'FAIL'}  {check.name}{detail}", flush=True)
    return [check for check in checks if not check.passed]
