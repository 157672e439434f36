"""§E and C.2: G.711 in and out, switched per session and per response, and `speed`."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from audio.formats import AudioFormat, convert
from audio.pcm import read_wav, silence
from flow.steps import at_once
from tests.support.places import DATA
from tests.support.running_server import running
from tests.support.wire_client import WireClient, client

PCM = AudioFormat()
TELEPHONY = ["audio/pcmu", "audio/pcma"]


def clip() -> bytes:
    return silence(300) + read_wav(DATA / "flite-slt_s01.wav") + silence(900)


async def answer(wire: WireClient) -> bytes:
    """Audio of the next response."""
    since = len(wire.events)
    await wire.until("response.done")
    return b"".join(
        base64.b64decode(event["delta"])
        for event in wire.events[since:]
        if event["type"] == "response.output_audio.delta"
    )


def pitch(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, dtype="<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / 24000)[np.argmax(spectrum)])


@pytest.mark.parametrize("name", TELEPHONY)
async def test_a_call_in_g711_is_understood_and_answered_in_g711(name):
    telephony = AudioFormat(name)
    async with running() as server, client(server.url) as wire:
        await wire.append(clip())
        await wire.until("rate_limits.updated")
        reference = wire.of("input_audio_buffer.speech_stopped")[0]["audio_end_ms"]
    async with running() as server, client(server.url) as wire:
        form = {"format": {"type": name}}
        updated = await wire.update(audio={"input": form, "output": form})
        assert updated["session"]["audio"]["output"]["format"] == {"type": name}
        await wire.append(at_once(convert(clip(), PCM, telephony)), step=160)
        audio = await answer(wire)
        created = wire.of("response.created")[0]["response"]
        assert created["audio"]["output"]["format"] == {"type": name}
        started = wire.of("input_audio_buffer.speech_started")[0]
        stopped = wire.of("input_audio_buffer.speech_stopped")[0]
        assert abs(stopped["audio_end_ms"] - reference) <= 64
        # The scripted voice hums at 220 Hz.
        assert pitch(at_once(convert(audio, telephony, PCM))) == pytest.approx(220, abs=2)
        await wire.send("conversation.item.retrieve", item_id=started["item_id"])
        item = (await wire.until("conversation.item.retrieved"))["item"]
        kept = base64.b64decode(item["content"][0]["audio"])
        assert len(kept) == 8 * (stopped["audio_end_ms"] - started["audio_start_ms"])


@pytest.mark.parametrize("name", TELEPHONY)
async def test_a_response_may_have_a_format_of_its_own(name):
    async with running() as server, client(server.url) as wire:
        output = {"output": {"format": {"type": name}}}
        await wire.send("response.create", response={"audio": output})
        own = await answer(wire)
        await wire.send("response.create")
        usual = await answer(wire)
        assert len(own) * 6 == pytest.approx(len(usual), rel=0.02)


async def test_a_new_input_format_counts_from_the_next_append():
    async with running() as server, client(server.url) as wire:
        await wire.append(silence(1000))
        await wire.update(audio={"input": {"format": {"type": "audio/pcmu"}}})
        await wire.append(at_once(convert(clip(), PCM, AudioFormat("audio/pcmu"))), step=160)
        await wire.until("response.done")
        first = wire.of("input_audio_buffer.speech_started")[0]["audio_start_ms"]
    async with running() as server, client(server.url) as wire:
        await wire.append(silence(1000) + clip())
        await wire.until("response.done")
        second = wire.of("input_audio_buffer.speech_started")[0]["audio_start_ms"]
    assert abs(first - second) <= 64


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.5])
async def test_speed_changes_the_length_and_not_the_pitch(speed):
    async with running() as server, client(server.url) as wire:
        await wire.send("response.create")
        usual = await answer(wire)
        await wire.update(audio={"output": {"speed": speed}})
        await wire.send("response.create")
        changed = await answer(wire)
        assert len(usual) / len(changed) == pytest.approx(speed, rel=0.05)
        assert pitch(changed) == pytest.approx(220, abs=2)


async def test_noise_reduction_lets_speech_in_noise_be_a_turn():
    noise = np.random.default_rng(2).normal(0, 900, len(clip()) // 2)
    noisy = np.clip(np.frombuffer(clip(), dtype="<i2") + noise, -32768, 32767).astype("<i2")
    async with running() as server, client(server.url) as wire:
        updated = await wire.update(audio={"input": {"noise_reduction": {"type": "far_field"}}})
        reduction = updated["session"]["audio"]["input"]["noise_reduction"]
        assert reduction == {"type": "far_field", "strength": 1.0}
        await wire.append(noisy.tobytes())
        await wire.until("response.done")
        assert len(wire.of("input_audio_buffer.committed")) == 1
