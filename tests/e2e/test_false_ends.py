"""A server with its own detector: who goes on soon behind a false end gets one turn, one answer."""

from __future__ import annotations

import pytest

from audio.pcm import read_wav, silence
from tests.support.places import DATA
from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import client

SPEECH = read_wav(DATA / "flite-slt_s01.wav")[400 * 48 : 2200 * 48]
SPEECH_MS = 1800
ENDS_AFTER_MS = 200
PAUSE_MS = 900
"""Long enough to end a turn, and short enough to go on with it."""
STARTED = "input_audio_buffer.speech_started"
COMMITTED = "input_audio_buffer.committed"


@pytest.mark.parametrize("interruptions", ["any", "words"])
async def test_a_pause_in_a_sentence_makes_one_turn_and_one_answer(interruptions: str) -> None:
    words = "My number is five five six."
    settings = scripted_settings(
        stt={"text": words, "delay_ms": 0},
        tts={"ms_per_character": 20, "delay_ms": 0},
        turns={"file_mode": False},
    )
    async with running(settings) as server, client(server.url) as wire:
        wanted = {
            "type": "server_vad",
            "silence_duration_ms": ENDS_AFTER_MS,
            "interruptions": interruptions,
            "rejoin_ms": 1200,
        }
        shown = await wire.update(
            audio={"input": {"turn_detection": wanted, "transcription": {"model": "whisper-1"}}}
        )
        assert shown["session"]["audio"]["input"]["turn_detection"]["rejoin_ms"] == 1200
        await wire.append(silence(300) + SPEECH + silence(ENDS_AFTER_MS + 150))
        first = await wire.until("response.created")
        await wire.until("response.output_audio.delta")
        rest = PAUSE_MS - ENDS_AFTER_MS - 150
        await wire.append(silence(rest) + SPEECH + silence(700))
        while (done := await wire.until("response.done"))["response"]["status"] != "completed":
            pass

        # The voice pauses between its words, too: each piece takes the place of those before it.
        starts = wire.of(STARTED)
        assert len(starts) >= 2
        assert {event["audio_start_ms"] for event in starts} == {starts[0]["audio_start_ms"]}
        committed = [event["item_id"] for event in wire.of(COMMITTED)]
        assert {event["previous_item_id"] for event in wire.of(COMMITTED)} == {None}
        made = [event["item"]["id"] for event in wire.of("response.output_item.added")]
        (answer,) = done["response"]["output"]
        gone = {event["item_id"] for event in wire.of("conversation.item.deleted")}
        assert gone == {*committed[:-1], *made} - {answer["id"]}
        assert first["response"]["id"] != done["response"]["id"]

        await wire.send("conversation.item.retrieve", item_id=committed[-1])
        whole = (await wire.until("conversation.item.retrieved"))["item"]["content"][0]
        assert whole["transcript"] == words
        length_ms = len(whole["audio"]) * 3 / 4 / 48
        assert length_ms > 2 * SPEECH_MS + PAUSE_MS - 200
