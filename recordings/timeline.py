"""A recording as the messages of both sides, in order: what is played again to either of them.

Audio is put back from the tracks, cut as the client cut it. What cannot be played again, such as a
recording without words, is refused in one line; what is played otherwise than it was, is said.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from recordings.reading import BadRecording, Recording, Row
from recordings.wire_audio import APPENDS, DELTAS, Formats, Tracks
from settings.localisation import _
from settings.masks import HIDDEN

Side = Literal["client", "server"]


@dataclass(frozen=True, eq=False)
class Message:
    """One message of a side."""

    side: Side
    ms: float
    """When it passed, since the beginning of the session."""
    event: Row | None
    """It, without its audio; None: it was no JSON object."""
    raw: str | None = None
    """Its text where it was no JSON object; None there too: it was binary."""
    audio: bytes = b""
    """The audio that it carries, in the format of the wire."""
    audio_ms: float = 0.0
    """How long that is."""
    line: int = 0
    """Where it is in the file; 0: it is of no file."""
    hidden: frozenset[str] = frozenset()
    """Paths of fields that the recording hides, or a part of which it does."""

    @property
    def type(self) -> str:
        """Its type; empty: it has none."""
        return str(self.event.get("type", "")) if self.event is not None else ""

    @property
    def carries_audio(self) -> bool:
        """Whether it is an append, or a delta of audio."""
        return self.type in APPENDS or self.type in DELTAS

    def written(self, event: Row | None = None) -> str | bytes:
        """Return it as it goes on the wire.

        Args:
            event: Stands in place of its event, as with other ids.
        """
        event = self.event if event is None else event
        if event is None:
            return b"" if self.raw is None else self.raw
        place = "audio" if self.type in APPENDS else "delta"
        # One that was refused is as it was.
        if self.carries_audio and (self.audio or place not in event):
            event = {**event, place: base64.b64encode(self.audio).decode()}
        return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class Timeline:
    """What passed in a recorded session."""

    recording: Recording
    messages: list[Message]
    """Of both sides, in order."""
    warnings: list[str] = field(default_factory=list)
    """What of it cannot be played as it was: a line each."""

    def of(self, side: Side) -> list[Message]:
        """Return the messages of a side."""
        return [message for message in self.messages if message.side == side]

    @property
    def dialect(self) -> str:
        """`ga`, `beta` or `translation`."""
        return str(self.recording.header.get("dialect", "ga"))

    @property
    def kind(self) -> str:
        """`realtime`, `transcription` or `translation`."""
        return str(self.recording.header.get("kind", "realtime"))

    @property
    def model(self) -> str:
        """The model of the session; empty: it is not known."""
        return str(self.recording.header.get("model") or "")


class Wire:
    """Reads messages as they pass, and knows the format of their audio (`Message`)."""

    def __init__(self) -> None:
        """Begin with a session."""
        self._formats = Formats()

    def read(self, side: Side, ms: float, text: str | bytes) -> Message:
        """Return a message that has come, or been sent, now."""
        if isinstance(text, bytes):
            return Message(side, ms, None)
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            return Message(side, ms, None, raw=text)
        kind = event.get("type")
        place = "audio" if kind in APPENDS else "delta" if kind in DELTAS else ""
        audio = b""
        if place and isinstance(event.get(place), str):
            try:
                audio = base64.b64decode(event[place])
                event = {**event, place: ""}
            except ValueError:
                place = ""
        if side == "server":
            self._formats.take(event)
        audio_ms = self._formats.ms(event, audio) if audio else 0.0
        return Message(side, ms, event, audio=audio, audio_ms=audio_ms)


def timeline(recording: Recording, *, to_play: bool = True) -> Timeline:
    """Return what passed in a recorded session.

    Args:
        recording: The session.
        to_play: Whether it is to be played again, which a call cannot be; else its audio is
            silence, and need not be there.

    Raises:
        BadRecording: It cannot be played again; the message says why.
    """
    if recording.header.get("redacted"):
        raise BadRecording(
            _(
                "{path}: is without words and audio (--record-redact): there is nothing to play "
                "again"
            ).format(path=recording.path)
        )
    if to_play and recording.header.get("media") == "tracks":
        raise BadRecording(
            _(
                "{path}: was a call, in which audio has a track of its own: it cannot be played "
                "again over a WebSocket"
            ).format(path=recording.path)
        )
    if not any(row["from"] != "server-stage" for row in recording.rows):
        raise BadRecording(_("{path}: nothing passed in this session").format(path=recording.path))
    laid = _Laid(recording, to_play=to_play)
    for line, row in enumerate(recording.rows, 2):
        laid.take(line, row)
    return laid.timeline()


class _Laid:
    """Lays out row by row."""

    def __init__(self, recording: Recording, *, to_play: bool) -> None:
        self._recording = recording
        self._to_play = to_play
        self._formats = Formats()
        self._tracks = Tracks(recording)
        self._messages: list[Message] = []
        self._hidden: dict[str, None] = {}
        self._append = APPENDS[recording.header.get("dialect") == "translation"]

    def take(self, line: int, row: Row) -> None:
        if row["from"] == "server-stage":
            return
        if "appends" in row:
            self._appends(line, row)
            return
        side: Side = row["from"]
        event = row.get("event")
        if event is None:
            self._messages.append(Message(side, row["t"], None, raw=row.get("raw"), line=line))
            return
        message = Message(side, row["t"], event, line=line)
        if side == "server":
            self._formats.take(event)
            place = row.get("audio")
            if isinstance(place, dict):
                form = self._formats.spoken(event)
                audio = self._audio(line, place, None, form)
                message = replace(message, audio=audio, audio_ms=len(audio) / form.bytes_per_ms)
        else:
            shown, hidden = self._shown(line, event)
            message = replace(message, event=shown, hidden=hidden)
        self._messages.append(message)

    def _appends(self, line: int, row: Row) -> None:
        form = self._formats.heard
        sizes = [int(piece[1]) for piece in row["appends"]]
        audio = self._audio(line, row["audio"], sum(sizes), form)
        at = 0
        for piece, size in zip(row["appends"], sizes, strict=True):
            event: Row = {"type": self._append}
            if len(piece) > 2:
                event["event_id"] = piece[2]
            cut = audio[at : at + size]
            at += size
            self._messages.append(
                Message(
                    "client",
                    piece[0],
                    event,
                    audio=cut,
                    audio_ms=size / form.bytes_per_ms,
                    line=line,
                )
            )

    def _audio(self, line: int, place: Row, size: int | None, form: Any) -> bytes:
        if place["track"] is None:
            raise BadRecording(
                _("{path}, line {line}: does not say where its audio is").format(
                    path=self._recording.path, line=line
                )
            )
        if not self._to_play:
            return bytes(place["samples"] * form.sample_bytes if size is None else size)
        return self._tracks.bytes(place, size, form)

    def _shown(self, line: int, event: Row) -> tuple[Row, frozenset[str]]:
        """Return an event of the client without the keys that the recording hides, and where."""
        hidden: list[str] = []
        shown: Row = _without_hidden(event, "", hidden)
        for name in hidden:
            self._hidden.setdefault(
                _("line {line}: the recording hides what {name} is, or a part of it").format(
                    line=line, name=name
                )
            )
        return shown, frozenset(hidden)

    def timeline(self) -> Timeline:
        warnings = list(self._hidden)
        for name in sorted(self._tracks.lacking):
            told = _("{path} ends before its time: there is silence in place of the rest")
            warnings.append(told.format(path=self._recording.track(name).name))
        return Timeline(self._recording, self._messages, warnings)


def _without_hidden(value: Any, place: str, hidden: list[str]) -> Any:
    if isinstance(value, dict):
        kept: Row = {}
        for key, inner in value.items():
            where = f"{place}.{key}" if place else key
            if inner == HIDDEN:
                hidden.append(where)
            else:
                kept[key] = _without_hidden(inner, where, hidden)
        return kept
    if isinstance(value, list):
        return [_without_hidden(inner, f"{place}[{at}]", hidden) for at, inner in enumerate(value)]
    if isinstance(value, str) and HIDDEN in value:
        # It is said as it stands there: what is hidden is a part of it.
        hidden.append(place)
    return value
