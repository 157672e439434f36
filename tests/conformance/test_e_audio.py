"""§E and C.2: every format in and out, switched per session and per response, and `speed`."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import AsyncOpenAI

from audio.formats import AudioFormat, convert
from audio.pcm import read_wav, silence
from config import LimitsConfig
from flow.steps import at_once
from hearing.word_errors import compare
from session.reports import AudioMade
from tests.support.places import DATA
from tests.support.running_server import running, scripted_settings
from tests.support.session_driver import Driver, encoded, of, session_config
from tests.support.wire_client import PATIENCE_S, WireClient, client, speech

PCM = AudioFormat()
TELEPHONY = [AudioFormat("audio/pcmu"), AudioFormat("audio/pcma")]
RATES = [AudioFormat("audio/pcm", 8000), AudioFormat("audio/pcm", 16000)]
RATES.append(AudioFormat("audio/pcm", 48000))
OTHERS = [*RATES, *TELEPHONY]
"""All formats but 24 kHz PCM, which the other tests use."""
TONE = (9000 * np.sin(2 * np.pi * 440 / 24000 * np.arange(48000))).astype("<i2").tobytes()
COMPLETED = "conversation.item.input_audio_transcription.completed"


def called(audio_format: AudioFormat) -> str:
    return f"{audio_format.name} {audio_format.rate}"


def clip() -> bytes:
    return silence(300) + read_wav(DATA / "flite-slt_s01.wav") + silence(900)


def encode(pcm: bytes, wanted: AudioFormat) -> bytes:
    return at_once(convert(pcm, PCM, wanted))


def decode(audio: bytes, given: AudioFormat) -> bytes:
    return at_once(convert(audio, given, PCM))


def deltas(events: list[dict[str, Any]]) -> list[bytes]:
    return [
        base64.b64decode(event["delta"])
        for event in events
        if event["type"] == "response.output_audio.delta"
    ]


async def answer(wire: WireClient) -> bytes:
    """Audio of the next response."""
    since = len(wire.events)
    await wire.until("response.done")
    return b"".join(deltas(wire.events[since:]))


async def retrieved(wire: WireClient, item_id: str) -> bytes:
    """Audio of an item."""
    await wire.send("conversation.item.retrieve", item_id=item_id)
    item = (await wire.until("conversation.item.retrieved"))["item"]
    return base64.b64decode(item["content"][0]["audio"])


def offsets(wire: WireClient) -> tuple[int, int]:
    """Where the first turn starts and ends."""
    return (
        wire.of("input_audio_buffer.speech_started")[0]["audio_start_ms"],
        wire.of("input_audio_buffer.speech_stopped")[0]["audio_end_ms"],
    )


def pitch(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, dtype="<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / 24000)[np.argmax(spectrum)])


@pytest.mark.parametrize("spoken", OTHERS, ids=called)
async def test_a_call_is_understood_and_answered_in_its_format(spoken: AudioFormat):
    async with running() as server, client(server.url) as wire:
        await wire.append(clip())
        usual = await answer(wire)
        reference = offsets(wire)
    async with running() as server, client(server.url) as wire:
        form = {"format": spoken.wire()}
        updated = await wire.update(audio={"input": form, "output": form})
        for side in ("input", "output"):
            assert updated["session"]["audio"][side]["format"] == spoken.wire()
        written = encode(clip(), spoken)
        await wire.append(written, step=20 * spoken.bytes_per_ms)
        audio = await answer(wire)
        for name in ("response.created", "response.done"):
            (shown,) = wire.of(name)
            assert shown["response"]["audio"]["output"]["format"] == spoken.wire()
        start_ms, end_ms = offsets(wire)
        assert abs(start_ms - reference[0]) <= 32
        assert abs(end_ms - reference[1]) <= 64
        # The scripted voice hums at 220 Hz.
        assert pitch(decode(audio, spoken)) == pytest.approx(220, abs=2)
        usual_ms, audio_ms = len(usual) / 48, len(audio) / spoken.bytes_per_ms
        assert 0 <= audio_ms - usual_ms <= (20 if spoken in TELEPHONY else 0.1)
        # Items have their audio as it was written, and as it was sent.
        kept = await retrieved(wire, wire.of("input_audio_buffer.speech_started")[0]["item_id"])
        assert kept == written[start_ms * spoken.bytes_per_ms : end_ms * spoken.bytes_per_ms]
        assert await retrieved(wire, shown["response"]["output"][0]["id"]) == audio


@pytest.mark.parametrize("spoken", RATES, ids=called)
async def test_a_recogniser_hears_the_same_words_at_every_rate(spoken: AudioFormat):
    """In a transcription session, with turns that the server detects."""
    settings = scripted_settings(stt={"provider": "embedded"})
    async with running(settings) as server:
        url = server.url.split("?")[0] + "?intent=transcription"
        async with client(url) as wire:
            hearing = {"format": spoken.wire(), "transcription": {"model": "whisper-1"}}
            session = {"type": "transcription", "audio": {"input": hearing}}
            await wire.send("session.update", session=session)
            updated = await wire.until("session.updated")
            assert updated["session"]["audio"]["input"]["format"] == spoken.wire()
            await wire.append(encode(speech(), spoken), step=20 * spoken.bytes_per_ms)
            completed = await wire.until(COMPLETED)
            start_ms, end_ms = offsets(wire)
            assert completed["usage"] == {"type": "duration", "seconds": (end_ms - start_ms) / 1000}
            # What a telephone leaves is hard for the recogniser that stands in.
            heard = compare("hello how are you doing today", completed["transcript"])
            assert heard.right >= (6 if spoken.rate > 8000 else 4)


@pytest.mark.parametrize("wanted", RATES, ids=called)
async def test_the_sdk_asks_for_any_rate_and_reads_it(wanted: AudioFormat):
    """Though its types know 24 kHz alone (§C.2)."""
    async with (
        running() as server,
        AsyncOpenAI(api_key="none", base_url=f"{server.http}/v1") as sdk,
        sdk.realtime.connect(model="gpt-realtime") as connection,
    ):
        output: Any = {"format": wanted.wire()}
        await connection.session.update(session={"type": "realtime", "audio": {"output": output}})
        await connection.response.create()
        seen, audio = [], b""
        async with asyncio.timeout(PATIENCE_S):
            while (event := await connection.recv()).type != "response.done":
                if event.type == "session.updated":
                    session: Any = event.session
                    assert session.audio.output.format.rate == wanted.rate
                if event.type == "response.output_audio.delta":
                    audio += base64.b64decode(event.delta)
                seen.append(event.type)
        assert "session.updated" in seen
        assert pitch(decode(audio, wanted)) == pytest.approx(220, abs=2)


@pytest.mark.parametrize("wanted", OTHERS, ids=called)
async def test_a_response_may_have_a_format_of_its_own(wanted: AudioFormat):
    async with running() as server, client(server.url) as wire:
        output = {"output": {"format": wanted.wire()}}
        await wire.send("response.create", response={"audio": output})
        own = await answer(wire)
        assert wire.of("response.created")[0]["response"]["audio"]["output"]["format"] == (
            wanted.wire()
        )
        await wire.send("response.create")
        usual = await answer(wire)
        assert len(own) / wanted.bytes_per_ms == pytest.approx(len(usual) / 48, rel=0.02)


@pytest.mark.parametrize(
    ("before", "after"),
    [*((PCM, other) for other in OTHERS), *((other, PCM) for other in RATES)],
    ids=called,
)
async def test_a_new_input_format_counts_from_the_next_append(
    before: AudioFormat, after: AudioFormat
):
    async with running() as server, client(server.url) as wire:
        await wire.update(audio={"input": {"format": before.wire()}})
        await wire.append(encode(silence(1000), before))
        await wire.update(audio={"input": {"format": after.wire()}})
        await wire.append(encode(clip(), after), step=20 * after.bytes_per_ms)
        await wire.until("response.done")
        first = offsets(wire)
    async with running() as server, client(server.url) as wire:
        await wire.append(silence(1000) + clip())
        await wire.until("response.done")
        second = offsets(wire)
    assert abs(first[0] - second[0]) <= 64
    assert abs(first[1] - second[1]) <= 64


@pytest.mark.parametrize("after", RATES, ids=called)
def test_a_turn_goes_on_at_another_rate(after: AudioFormat):
    """What is buffered is converted, half a sample is dropped, offsets count on."""
    d = Driver()
    d.manual()
    d.send("input_audio_buffer.append", audio=encoded(TONE[:48_000] + b"\x01"))
    d.update(audio={"input": {"format": after.wire()}})
    d.send("input_audio_buffer.append", audio=encoded(encode(TONE[48_000:96_000], after)))
    assert d.inside.buffer.written_ms == 2000
    events = d.send("input_audio_buffer.commit")
    (committed,) = of(events, "input_audio_buffer.committed")
    (event,) = d.send("conversation.item.retrieve", item_id=committed["item_id"])
    audio = base64.b64decode(event["item"]["content"][0]["audio"])
    assert len(audio) == 2000 * after.bytes_per_ms
    assert pitch(decode(audio, after)) == pytest.approx(440, abs=1)


def test_a_rate_that_is_left_out_is_24_khz_again():
    d = Driver()
    d.update(audio={"output": {"format": {"type": "audio/pcm", "rate": 16000}}})
    (event,) = d.update(audio={"output": {"format": {"type": "audio/pcm"}}})
    assert event["session"]["audio"]["output"]["format"] == PCM.wire()


def test_the_limit_of_uncommitted_audio_is_in_seconds_at_every_rate():
    for audio_format in (PCM, *OTHERS):
        d = Driver(session_config(limits=LimitsConfig(buffered_audio_s=3)))
        d.manual()
        d.update(audio={"input": {"format": audio_format.wire()}})
        second = encoded(bytes(1000 * audio_format.bytes_per_ms))
        for _ in range(3):
            assert d.send("input_audio_buffer.append", audio=second) == []
        (error,) = d.send("input_audio_buffer.append", audio=second)
        assert error["error"]["code"] == "input_audio_buffer_full"


PIECES = st.lists(st.integers(24, 9600), min_size=1, max_size=12)
"""Samples of 24 kHz PCM that a voice makes at a time: 1 to 400 ms."""


def spoken_by(d: Driver, audio_format: AudioFormat, pieces: list[int]) -> list[dict[str, Any]]:
    """Let a response speak pieces of the tone in a format; return the events."""
    d.respond(audio={"output": {"format": audio_format.wire()}})
    events = d.text("One two three four.")
    at = 0
    for samples in pieces:
        pcm = (TONE * 3)[2 * at : 2 * (at + samples)]
        events += d.report(AudioMade(d.running, pcm))
        at += samples
    return events


@pytest.mark.parametrize("audio_format", [PCM, *OTHERS], ids=called)
@given(pieces=PIECES, end=st.sampled_from(["stop", "length"]))
@settings(deadline=None, derandomize=True, max_examples=25)
def test_deltas_are_whole_packets_and_hold_all_that_was_said(
    audio_format: AudioFormat, pieces: list[int], end: Any
):
    d = Driver()
    events = spoken_by(d, audio_format, pieces) + d.finish(end)
    sizes = [len(delta) for delta in deltas(events)]
    packet = 160 if audio_format in TELEPHONY else audio_format.sample_bytes
    assert {size % packet for size in sizes} == {0}
    # A resampler gives its output in blocks, of which one more may be full.
    assert max(sizes) <= (400 if audio_format == PCM else 440) * audio_format.bytes_per_ms
    said_ms, sent_ms = sum(pieces) / 24, sum(sizes) / audio_format.bytes_per_ms
    # A resampler may end a sample earlier or later.
    assert -0.13 <= sent_ms - said_ms < (20.13 if audio_format in TELEPHONY else 0.13)
    # The filling counts: the item is as long as what the client got of it.
    place = {"item_id": d.items()[0], "content_index": 0}
    (error,) = d.send("conversation.item.truncate", **place, audio_end_ms=int(sent_ms) + 1)
    assert error["error"]["message"] == (
        f"Audio content of {int(sent_ms)}ms is already shorter than {int(sent_ms) + 1}ms"
    )
    for kept_ms in (int(sent_ms), int(sent_ms) // 2):
        (event,) = d.send("conversation.item.truncate", **place, audio_end_ms=kept_ms)
        assert event["type"] == "conversation.item.truncated"
        (event,) = d.send("conversation.item.retrieve", item_id=place["item_id"])
        (part,) = event["item"]["content"]
        kept = base64.b64decode(part.get("audio", ""))
        assert kept == b"".join(deltas(events))[: kept_ms * audio_format.bytes_per_ms]


@pytest.mark.parametrize("audio_format", OTHERS, ids=called)
def test_what_waits_for_its_packet_at_a_barge_in_is_never_sent(audio_format: AudioFormat):
    d = Driver()
    events = spoken_by(d, audio_format, [9600, 250])
    before = b"".join(deltas(events))
    d.append(500)
    closed = d.interrupts(96)
    assert deltas(closed) == []
    (done,) = of(closed, "response.done")
    # The model is told, and the item holds, what was sent and no more.
    tokens = int(len(before) / audio_format.bytes_per_ms / 50)
    assert done["response"]["usage"]["output_token_details"]["audio_tokens"] == tokens
    (event,) = d.send("conversation.item.retrieve", item_id=d.items()[0])
    assert base64.b64decode(event["item"]["content"][0]["audio"]) == before


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
