"""The CPU that recording takes by itself, for a second of conversation.

Two runs of a server differ by more than a recording costs. So what a recorded conversation consists
of is noted and written once more in this process, and the CPU of its thread is counted: of what the
event loop does, and of what the writing thread does, tick by tick.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from audio.formats import AudioFormat
from recordings.reading import read
from recordings.timeline import Message, timeline
from serving.recording.hiding import KnownKeys
from serving.recording.notes import About, Backlog, Note
from serving.recording.recorder import TICK_S
from serving.recording.session_file import SessionFile
from serving.recording.session_tap import SessionTap
from session.effects import OutputAudio
from wire.dialect import GADialect
from wire.incoming import AppendedAudio
from wire.media import Media
from wire.server_events import SERVER_EVENTS

_ROUNDS = 15
_PLACE = ("response_id", "item_id", "output_index", "content_index")
_NO_BOUND = 2**40
_MEANWHILE = SERVER_EVENTS["input_audio_buffer.cleared"]()
"""Stands for any event: what is written of it is given beside it."""


@dataclass(frozen=True)
class Cost:
    """CPU of a conversation's recording, in ms for each of its seconds."""

    noting_ms: float
    """In the event loop."""
    writing_ms: float
    """In the writing thread."""

    @property
    def ms(self) -> float:
        """All of it."""
        return self.noting_ms + self.writing_ms


def alone(path: Path, form: Literal["flac", "wav"]) -> Cost:
    """Record a recorded conversation again, several times.

    Args:
        path: The recording's file of lines.
        form: How its audio is written.

    Returns:
        The least that it took: whatever else runs on the machine adds to it.
    """
    laid = timeline(read(path))
    seconds = max(laid.messages[-1].ms / 1000, TICK_S)
    ticks = list(_ticks(laid.messages))
    costs = [_once(ticks, form) for _round in range(_ROUNDS)]
    return Cost(*(1000 * min(column) / seconds for column in zip(*costs, strict=True)))


def _ticks(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Yield what passes between two writings."""
    tick: list[Message] = []
    until_ms = 1000 * TICK_S
    for message in messages:
        if message.ms > until_ms:
            yield tick
            tick = []
            until_ms = message.ms + 1000 * TICK_S
        tick.append(message)
    yield tick


def _once(ticks: Sequence[Sequence[Message]], form: Literal["flac", "wav"]) -> tuple[float, float]:
    """Return the seconds of CPU that noting and writing took."""
    tap = SessionTap(time.monotonic(), GADialect(), Media.EVENTS, Backlog(_NO_BOUND))
    noting = writing = 0.0
    with tempfile.TemporaryDirectory() as folder:
        about = About("sess_alone", time.time(), {"session": "sess_alone"}, AudioFormat())
        file = SessionFile(
            Path(folder), about, KnownKeys([]), redact=False, form=form, most_bytes=_NO_BOUND
        )
        for tick in ticks:
            given = [_given(message) for message in tick]
            began = time.thread_time()
            for take, arguments in given:
                getattr(tap, take)(*arguments)
            noting += time.thread_time() - began
            notes: list[Note] = [tap.notes.popleft()[1] for _note in range(len(tap.notes))]
            began = time.thread_time()
            file.take(notes)
            writing += time.thread_time() - began
        began = time.thread_time()
        file.give_up("it is over")
        writing += time.thread_time() - began
    return noting, writing


def _given(message: Message) -> tuple[str, tuple[Any, ...]]:
    """Return what a session's tap is told of a message: which method, and with what."""
    event = message.event or {}
    if message.side == "client" and message.carries_audio:
        return "appended", (AppendedAudio(message.audio, event.get("event_id")),)
    if message.side == "client":
        return "came", (GADialect().parse(str(message.written())),)
    if message.carries_audio:
        place = {name: event[name] for name in _PLACE}
        return "played", (OutputAudio(**place, audio=message.audio),)
    return "sent", (_MEANWHILE, [event])
