"""What a tap is told: all that passes between a session and its client, in order, as it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from flow.steps import at_once
from peers.base import AppendedAudio
from peers.in_process import InProcessPeer
from peers.tapped import TappedPeer, Taps
from session.effects import OutputAudio
from telemetry.turn_record import TurnRecord
from wire.beta_writing import BetaDialect
from wire.client_events import SessionEvent
from wire.dialect import Dialect, GADialect
from wire.envelope import ServerEvent, WireEvent
from wire.errors import ProtocolError
from wire.incoming import EventReader
from wire.response_events import ResponseCreated
from wire.session_events import BufferCleared, ItemDone

AUDIO = OutputAudio("resp_1", "item_1", 0, 0, b"\1\2")


class Notes:
    """A tap that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.written: list[WireEvent] = []

    def came(self, event: SessionEvent | ProtocolError) -> None:
        self.told.append(("came", event.raw))

    def appended(self, audio: AppendedAudio) -> None:
        self.told.append(("appended", audio.audio))

    def sent(self, _event: ServerEvent, written: Sequence[WireEvent]) -> None:
        self.told.append(("sent", [one["type"] for one in written]))
        self.written += written

    def played(self, audio: OutputAudio) -> None:
        self.told.append(("played", audio))

    def silenced(self) -> None:
        self.told.append(("silenced", None))

    def turn_over(self, record: TurnRecord) -> None:
        self.told.append(("turn_over", record))

    def closed(self, reason: str) -> None:
        self.told.append(("closed", reason))


async def came(peer: TappedPeer, inner: InProcessPeer, dialect: Dialect, *frames: str) -> None:
    """Let a client send frames, and leave."""
    reader = EventReader(dialect, 10_000)
    for raw in frames:
        inner.pass_in(at_once(reader.read(raw)))
    inner.leave()
    async for _event in peer.incoming():
        pass


async def test_client_events_are_told_as_they_were_written_refused_ones_too() -> None:
    tap, inner = Notes(), InProcessPeer()
    good = '{ "type":"input_audio_buffer.clear",  "event_id": "mine" }'
    frames = (good, '{"type": "no.such.event"}', "{", '{"type":"input_audio_buffer.append"}')
    heard = '{"type":"input_audio_buffer.append","audio":"AQID"}'
    await came(
        TappedPeer(inner, tap, GADialect()), inner, GADialect(), *frames, heard, heard, frames[1]
    )
    assert tap.told == [
        *(("came", raw) for raw in frames),
        *[("appended", b"\1\2\3")] * 2,
        ("came", frames[1]),
    ]


async def test_what_the_session_does_reaches_the_client_and_the_tap() -> None:
    tap, inner = Notes(), InProcessPeer()
    peer = TappedPeer(inner, tap, GADialect())
    event = BufferCleared()
    peer.send(event)
    peer.play(AUDIO)
    peer.reply(event)
    peer.silence()
    peer.told_by(inner)(event)
    await peer.send_at_once(event)
    sent = ("sent", ["input_audio_buffer.cleared"])
    assert tap.told == [sent, ("played", AUDIO), sent, ("silenced", None), sent, sent]
    assert [await inner.get() for _ in range(5)] == [event, AUDIO, event, event, event]
    assert inner.silenced == 1


async def test_a_beta_clients_tap_is_told_what_the_client_gets() -> None:
    tap, inner, dialect = Notes(), InProcessPeer(), BetaDialect()
    peer = TappedPeer(inner, tap, BetaDialect())
    asked = {"type": "session.update", "session": {"modalities": ["text", "audio"]}}
    await came(peer, inner, dialect, json.dumps(asked))
    speech = {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy"}
    absent = ("object", "status", "status_details", "conversation_id", "usage", "metadata")
    body: dict[str, Any] = {
        **dict.fromkeys((*absent, "max_output_tokens")),
        "id": "resp_1",
        "output_modalities": ["audio"],
        "audio": {"output": speech},
        "output": [],
    }
    peer.send(ItemDone(None, {}))
    peer.send(ResponseCreated(body))
    assert tap.told[1:] == [
        ("sent", []),
        ("sent", ["response.created", "rate_limits.updated"]),
    ]
    # The order of the modalities is the client's own.
    got = dialect.render(ResponseCreated(body))[0]["response"]
    assert tap.written[0]["response"]["modalities"] == got["modalities"] == ["text", "audio"]


def test_several_taps_are_told_the_same() -> None:
    one, other = Notes(), Notes()
    taps = Taps([one, other])
    taps.played(AUDIO)
    taps.silenced()
    taps.closed("done")
    assert one.told == other.told == [("played", AUDIO), ("silenced", None), ("closed", "done")]
