"""What a session hears: all the time there was, in order, silence included."""

from __future__ import annotations

import random

from peers.webrtc.microphone import QUIET_AFTER_MS, QUIET_AFTER_PAUSE_MS, Microphone
from peers.webrtc.opus import FRAME_BYTES, FRAME_MS, OpusDecoder, OpusEncoder
from peers.webrtc.rtp import RtpPacket
from tests.support.clips import FIRST

MS = FRAME_BYTES // FRAME_MS
TYPE = 111


class Track:
    """A client's track, and what the session hears of it."""

    def __init__(self) -> None:
        self.heard = b""
        self.microphone = Microphone(TYPE, OpusDecoder(), self._hear)
        encoder = OpusEncoder(fec=False)
        self.packets = [
            RtpPacket(TYPE, n, n * 960, 5, encoder.encode(FIRST[at : at + FRAME_BYTES]))
            for n, at in enumerate(range(0, 50 * FRAME_BYTES, FRAME_BYTES), 20)
        ]

    def _hear(self, pcm: bytes) -> None:
        self.heard += pcm

    @property
    def heard_ms(self) -> float:
        return len(self.heard) / MS


def test_speech_is_heard_as_it_comes() -> None:
    track = Track()
    for number, packet in enumerate(track.packets):
        track.microphone.came(packet, number * 20)
        assert track.heard_ms == (number + 1) * 20


def test_packets_of_another_codec_are_ignored() -> None:
    track = Track()
    track.microphone.came(RtpPacket(0, 1, 0, 5, bytes(160)), 0)
    assert track.heard == b""
    assert track.microphone.counts.received == 0


def test_a_packet_that_says_silence_is_followed_by_zeros_by_the_clock() -> None:
    track = Track()
    for number, packet in enumerate(track.packets[:10]):
        track.microphone.came(packet, number * 20)
    silent = RtpPacket(TYPE, 30, 30 * 960, 5, track.packets[0].payload[:1])
    track.microphone.came(silent, 200)
    for now in range(215, 416, 20):
        track.microphone.tick(now)
    assert track.heard_ms == 220 + 200
    assert not any(track.heard[200 * MS :])


def test_the_next_packet_adds_only_what_is_missing() -> None:
    track = Track()
    track.microphone.came(track.packets[0], 0)
    track.microphone.came(RtpPacket(TYPE, 21, 21 * 960, 5, b"\x08"), 20)
    for now in range(40, 401, 20):
        track.microphone.tick(now)
    # 20 frames later: 400 ms were silent, and 380 of them have been heard.
    track.microphone.came(RtpPacket(TYPE, 22, 42 * 960, 5, track.packets[1].payload), 440)
    assert track.heard_ms == 20 + 20 + 400 + 20


def test_a_packet_alone_in_silence_does_not_hold_it_up() -> None:
    track = Track()
    track.microphone.came(track.packets[0], 0)
    track.microphone.came(RtpPacket(TYPE, 21, 21 * 960, 5, b"\x08"), 20)
    track.microphone.tick(420)
    track.microphone.came(RtpPacket(TYPE, 22, 42 * 960, 5, track.packets[1].payload), 440)
    before = track.heard_ms
    track.microphone.tick(440 + QUIET_AFTER_PAUSE_MS - 1)
    assert track.heard_ms == before
    track.microphone.tick(440 + QUIET_AFTER_PAUSE_MS)
    assert track.heard_ms == before + QUIET_AFTER_PAUSE_MS


def test_nothing_for_200_ms_is_silence_too() -> None:
    track = Track()
    track.microphone.came(track.packets[0], 0)
    track.microphone.tick(QUIET_AFTER_MS - 1)
    assert track.heard_ms == 20
    track.microphone.tick(QUIET_AFTER_MS)
    assert track.heard_ms == 20 + QUIET_AFTER_MS
    track.microphone.tick(QUIET_AFTER_MS + 40)
    assert track.heard_ms == 20 + QUIET_AFTER_MS + 40


def test_who_never_spoke_is_not_silent() -> None:
    track = Track()
    track.microphone.tick(10_000)
    assert track.heard == b""


def test_lost_audio_is_made_up_and_counted() -> None:
    track = Track()
    for number, packet in enumerate(track.packets):
        if number not in (20, 21):
            track.microphone.came(packet, number * 20)
        track.microphone.tick(number * 20 + 10)
    assert track.heard_ms == 1000
    assert track.microphone.concealed_ms == 40
    assert track.microphone.counts.loss == 2 / 50


def test_a_long_loss_is_silence_but_for_its_end() -> None:
    track = Track()
    track.microphone.came(track.packets[0], 0)
    track.microphone.came(track.packets[10], 20)
    track.microphone.tick(81)
    assert track.heard_ms == 220
    # 9 frames are lost: of 180 ms, 60 are zeros.
    assert not any(track.heard[20 * MS : 80 * MS])


def test_a_jump_of_the_clock_adds_seconds_at_most() -> None:
    track = Track()
    track.microphone.came(track.packets[0], 0)
    track.microphone.came(RtpPacket(TYPE, 21, 2_000_000_000, 5, track.packets[1].payload), 20)
    assert track.heard_ms == 20 + 5000 + 20
    track.microphone.tick(10_000_000)
    assert track.heard_ms == 20 + 5000 + 20 + 5000


def test_a_tenth_of_the_packets_may_be_lost() -> None:
    track = Track()
    chance = random.Random(7)
    for number, packet in enumerate(track.packets[:-1]):
        if number and chance.random() < 0.1:
            continue
        late = chance.uniform(0, 30)
        track.microphone.came(packet, number * 20 + late)
        track.microphone.tick(number * 20 + late + 5)
    track.microphone.came(track.packets[-1], 1000)
    track.microphone.tick(1070)
    assert track.heard_ms == 1000
