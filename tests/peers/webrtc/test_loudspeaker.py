"""What a client is sent: a frame a tick, the first at once, and little in silence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from audio.g711 import decode
from peers.webrtc.loudspeaker import Loudspeaker
from peers.webrtc.opus import FRAME_BYTES, OpusEncoder
from peers.webrtc.playout import Drained, Started
from peers.webrtc.rtp import RtpPacket
from peers.webrtc.telephony import TelephonyEncoder
from tests.support.clips import FIRST

FRAME = 960


class Ear:
    """A client's end."""

    def __init__(self, encoder: OpusEncoder | TelephonyEncoder | None = None) -> None:
        self.now_ms = 1000.0
        self.packets: list[RtpPacket] = []
        self.reports: list[Started | Drained] = []
        self.speaker = Loudspeaker(
            111,
            OpusEncoder(fec=False) if encoder is None else encoder,
            5,
            self.packets.append,
            self.reports.append,
        )

    def ticks(self, count: int) -> list[RtpPacket]:
        """Tick, and return what was sent meanwhile."""
        before = len(self.packets)
        for _ in range(count):
            self.now_ms += 20
            self.speaker.tick(self.now_ms)
        return self.packets[before:]

    def play(self, frames: int, item_id: str = "i") -> None:
        self.speaker.play("r", item_id, FIRST[: frames * FRAME_BYTES])
        self.speaker.start_at_once()


def test_the_first_frame_leaves_at_once_and_one_a_tick_follows() -> None:
    ear = Ear()
    ear.play(4)
    assert len(ear.packets) == 1
    assert ear.reports == [Started("r")]
    assert [len(ear.ticks(1)) for _ in range(3)] == [1, 1, 1]
    assert ear.speaker.played() == {"i": 80}
    ear.ticks(1)
    assert ear.reports == [Started("r"), Drained("r")]


def test_numbers_are_contiguous_and_timestamps_run_on() -> None:
    ear = Ear()
    ear.ticks(100)
    ear.play(5)
    ear.ticks(100)
    ear.play(5)
    ear.ticks(20)
    numbers = [packet.sequence for packet in ear.packets]
    assert [(later - numbers[0]) & 0xFFFF for later in numbers] == list(range(len(numbers)))
    starts = [packet for packet in ear.packets if packet.marker]
    assert len(starts) == 2
    # 100 ticks apart: what left before its tick does not push the clock forward.
    assert (starts[1].timestamp - starts[0].timestamp) & 0xFFFFFFFF == 100 * FRAME
    times = [(packet.timestamp - ear.packets[0].timestamp) & 0xFFFFFFFF for packet in ear.packets]
    assert times == sorted(set(times))


def test_what_follows_while_it_plays_is_not_sent_at_once() -> None:
    ear = Ear()
    ear.play(2)
    ear.play(2)
    assert len(ear.packets) == 1


def test_less_than_a_frame_waits_for_the_tick() -> None:
    ear = Ear()
    ear.speaker.play("r", "i", FIRST[: FRAME_BYTES // 2])
    ear.speaker.start_at_once()
    assert ear.packets == []
    ear.ticks(1)
    assert ear.speaker.played() == {"i": 10}


def test_silence_takes_a_packet_every_400_ms() -> None:
    ear = Ear()
    ear.play(10)
    ear.ticks(40)
    assert len(ear.ticks(200)) == 10


def test_ticks_that_come_late_are_made_up_for_in_the_next_silence() -> None:
    ear = Ear()
    ear.ticks(1)
    ear.play(1)
    begun_ms, first = ear.now_ms, ear.packets[0].timestamp
    ear.ticks(40)
    ear.play(50)
    for _ in range(10):
        ear.now_ms += 50
        ear.ticks(1)
    ear.ticks(200)
    ear.play(1)
    behind_ms = ear.now_ms - begun_ms - ((ear.packets[-1].timestamp - first) & 0xFFFFFFFF) / 48
    assert abs(behind_ms) <= 60
    begins = next(at for at, packet in enumerate(ear.packets) if at and packet.marker)
    sound = ear.packets[begins : begins + 50]
    steps = {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in itertools.pairwise(sound)}
    assert steps == {FRAME}, "within a sound nothing is left out"


def test_a_codec_without_pauses_is_sent_all_the_time() -> None:
    ear = Ear(TelephonyEncoder("PCMU"))
    packets = ear.ticks(50)
    assert [len(packet.payload) for packet in packets] == [160] * 50
    assert (packets[1].timestamp - packets[0].timestamp) & 0xFFFFFFFF == 160


def test_a_barge_in_stops_at_once() -> None:
    ear = Ear()
    ear.play(50)
    ear.ticks(9)
    assert ear.speaker.played() == {"i": 200}
    ear.speaker.silence()
    assert ear.speaker.played() == {}
    ear.ticks(10)
    assert ear.reports == [Started("r")]
    assert ear.speaker.queued_ms == 0


def test_who_takes_no_audio_is_played_to_all_the_same() -> None:
    reports: list[Started | Drained] = []
    packets: list[RtpPacket] = []
    speaker = Loudspeaker(0, None, 5, packets.append, reports.append)
    speaker.play("r", "i", FIRST[: 3 * FRAME_BYTES])
    for now_ms in range(0, 80, 20):
        speaker.tick(now_ms)
    assert reports == [Started("r"), Drained("r")]
    assert packets == []
    assert speaker.played_ms == 60


def test_what_is_sent_is_counted() -> None:
    ear = Ear()
    ear.play(3)
    ear.ticks(2)
    assert ear.speaker.counts.packets == 3
    assert ear.speaker.counts.payload_bytes == sum(len(one.payload) for one in ear.packets)


def loudness(packets: list[RtpPacket]) -> float:
    """The level of packets of μ-law, in dB."""
    pcm = decode(b"".join(packet.payload for packet in packets), "ulaw")
    return float(10 * np.log10(np.square(np.frombuffer(pcm, "<i2").astype(float)).mean()))


def test_a_voice_is_lowered_and_restored() -> None:
    ear = Ear(TelephonyEncoder("PCMU"))
    ear.speaker.play("r", "i", np.full(480 * 60, 8000, "<i2").tobytes())
    ear.ticks(5)
    full = loudness(ear.ticks(10))
    ear.speaker.duck(on=True)
    ear.ticks(5)
    assert loudness(ear.ticks(10)) == pytest.approx(full - 12, abs=0.5)
    ear.speaker.duck(on=False)
    ear.ticks(5)
    assert loudness(ear.ticks(5)) == pytest.approx(full, abs=0.1)


def test_what_is_played_behind_an_interruption_is_not_lowered() -> None:
    ear = Ear(TelephonyEncoder("PCMU"))
    tone = np.full(480 * 20, 8000, "<i2").tobytes()
    ear.speaker.play("r", "i", tone)
    full = loudness(ear.ticks(5))
    ear.speaker.duck(on=True)
    ear.ticks(5)
    ear.speaker.silence()
    ear.ticks(5)
    ear.speaker.play("s", "j", tone)
    assert loudness(ear.ticks(5)) == pytest.approx(full, abs=0.1)
