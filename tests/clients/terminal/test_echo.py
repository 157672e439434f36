"""The echo canceller in a room: the assistant goes, the user stays."""

from __future__ import annotations

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from audio.pcm import SAMPLE_RATE, WIRE_RATE, read_wav, resample
from audio.player import AudioPlayerAsync
from clients.terminal.echo import EchoCanceller, EchoFree, can_cancel
from clients.terminal.sources import Microphone
from tests.support.fake_sound import FakeSound
from tests.support.places import ROOT
from tests.support.room import Room, Samples, level_db, pcm, samples
from turn_detection.silero import WINDOW_SAMPLES, VoiceStream, score_together, shared_silero

pytestmark = pytest.mark.skipif(not can_cancel(), reason="pip install -r requirements/echo.txt")
DATA = ROOT / "tests" / "data"
ASSISTANT = ("flite-slt_s01.wav", "flite-slt_s02.wav", "flite-slt_s10.wav")
USER = "flite-rms_s06.wav"
CONVERGED_S = 2.0
"""Seconds of an answer after which its echo has to be gone."""


def assistant(rate: int = WIRE_RATE) -> Samples:
    """Eight seconds of the assistant."""
    spoken = [samples(read_wav(DATA / name, rate)) for name in ASSISTANT]
    return np.concatenate(spoken) * 0.7


def user(rate: int = WIRE_RATE) -> Samples:
    return samples(read_wav(DATA / USER, rate)) * 0.5


def cleaned(
    far: Samples,
    near: Samples,
    rate: int = WIRE_RATE,
    jitter_s: float = 0.0,
    drift: float = 0.0,
    canceller: EchoCanceller | None = None,
) -> Samples:
    """Play `far` while `near` is recorded, and return what is left of it.

    Args:
        far: What is played.
        near: What the microphone hears, as long.
        rate: Sample rate of both in Hz.
        jitter_s: By how much devices tell the time wrongly, at most.
        drift: By what share the microphone counts faster than the loudspeaker.
        canceller: One that has heard the room; None: a new one.
    """
    told = random.Random(1)
    canceller = canceller or EchoCanceller(rate)
    canceller.begin()
    out_block, in_block = round(rate * 0.0213), round(rate * 0.0147)
    played = 0
    left = b""
    for start in range(0, len(near), in_block):
        block = near[start : start + in_block]
        now = start / rate * (1 - drift)
        while played < len(far) and played / rate < now + 0.1:
            at = played / rate + told.uniform(0, jitter_s)
            canceller.played(pcm(far[played : played + out_block]), at)
            played += out_block
        left += canceller.clean(pcm(block), now + told.uniform(0, jitter_s))
    return samples(left)


def voiced(sound: Samples, rate: int = WIRE_RATE) -> list[bool]:
    """Return Silero's verdicts, a window of 32 ms each."""
    spoken = resample(pcm(sound), rate, SAMPLE_RATE)
    heard: NDArray[np.float32] = (samples(spoken) / 32768).astype(np.float32)
    model = shared_silero()
    stream = VoiceStream(model)
    verdicts = []
    for start in range(0, len(heard) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES):
        window = heard[start : start + WINDOW_SAMPLES]
        (score,) = score_together(model, [stream], [window])
        stream.hear(window, score, speaking=score.probability >= 0.5)
        verdicts.append(score.probability >= 0.5)
    return verdicts


@pytest.mark.parametrize("delay_ms", [5, 80, 250, 400])
def test_the_echo_is_gone_after_two_seconds(delay_ms: int) -> None:
    far = assistant()
    near = Room(WIRE_RATE, delay_ms).echo(far)
    left = cleaned(far, near)
    begin = round(CONVERGED_S * WIRE_RATE)
    reduced = level_db(near[begin : len(left)]) - level_db(left[begin:])
    assert reduced >= 15
    assert np.mean(voiced(near[begin:])) > 0.5
    assert np.mean(voiced(left[begin:])) < 0.02


@pytest.mark.parametrize("rate", [16000, 48000])
def test_other_rates(rate: int) -> None:
    far = assistant(rate)
    near = Room(rate, 120).echo(far)
    left = cleaned(far, near, rate)
    begin = round(CONVERGED_S * rate)
    assert level_db(near[begin : len(left)]) - level_db(left[begin:]) >= 15


def test_devices_that_tell_the_time_wrongly() -> None:
    far = assistant()
    near = Room(WIRE_RATE, 120).echo(far)
    left = cleaned(far, near, jitter_s=0.03, drift=1e-4)
    begin = round(CONVERGED_S * WIRE_RATE)
    assert level_db(near[begin : len(left)]) - level_db(left[begin:]) >= 15
    assert np.mean(voiced(left[begin:])) < 0.02


def test_the_user_is_unharmed_while_nothing_is_played() -> None:
    near = np.concatenate([np.zeros(WIRE_RATE), user()])
    left = cleaned(np.zeros(0), near)
    assert abs(level_db(left[WIRE_RATE:]) - level_db(near[WIRE_RATE : len(left)])) < 1
    same = np.equal(voiced(left), voiced(near)[: len(voiced(left))])
    assert np.mean(same) > 0.95


def test_a_user_who_interrupts_is_heard() -> None:
    far = assistant()
    near = Room(WIRE_RATE, 120, gain=0.3).echo(far)
    begin = 4 * WIRE_RATE
    said = user()
    near[begin : begin + len(said)] += said
    left = cleaned(far, near)
    before = voiced(left[round(CONVERGED_S * WIRE_RATE) : begin])
    verdicts = voiced(left[begin : begin + len(said)])
    assert np.mean(before) < 0.02
    assert verdicts.index(True) * 0.032 < 1.0
    assert np.mean(verdicts) > 0.4


def test_the_room_is_remembered_from_one_recording_to_the_next() -> None:
    far = assistant()
    canceller = EchoCanceller()
    room = Room(WIRE_RATE, 120)
    cleaned(far, room.echo(far), canceller=canceller)
    canceller.stopped(len(far) / WIRE_RATE)
    near = room.echo(far)
    left = cleaned(far, near, canceller=canceller)
    half = WIRE_RATE // 2
    assert level_db(near[half : 3 * half]) - level_db(left[half : 3 * half]) >= 15


async def test_the_microphone_is_cleaned_on_its_way_to_the_server() -> None:
    """Devices that are pulled and pushed by hand, on a clock that stands still between."""
    out, into = FakeSound(), FakeSound()
    canceller, clock = EchoCanceller(), Clock()
    player = AudioPlayerAsync(out.open, listeners=[canceller], clock=clock)
    source = EchoFree(Microphone(into.open), canceller, clock)
    sent: list[bytes] = []
    source.start(sent.append, lambda: None)
    assert source.cancels_echo
    far = assistant()
    player.add_data(pcm(far), "item")
    near = Room(WIRE_RATE, 100).echo(far)
    block = WIRE_RATE // 50
    for start in range(0, len(far) - block, block):
        clock.now = start / WIRE_RATE
        assert out.pull(block) == pcm(far[start : start + block])
        clock.now = (start + block) / WIRE_RATE
        into.push(pcm(near[start : start + block]))
    left = samples(b"".join(sent))
    begin = round(CONVERGED_S * WIRE_RATE)
    assert level_db(near[begin : len(left)]) - level_db(left[begin:]) >= 15
    source.stop()
    assert into.calls[-1] == "close"


class Clock:
    """A clock that the test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now
