"""One line per session and per turn, whatever becomes of it, and never a word that was said."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from loguru import logger

from tests.support.running_server import SCRIPTED, running, scripted_settings
from tests.support.session_driver import encoded
from tests.support.wire_client import WireClient, client, speech

TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"
WHISPER = {"model": "whisper-1"}


async def test_a_session_and_its_response_are_a_line_each_without_words(lines):
    async with running() as server:
        async with client(server.url) as wire:
            session_id = wire.events[0]["session"]["id"]
            await wire.say("a secret question")
            response_id = (await wire.until("response.done"))["response"]["id"]
        await server.emptied()
    opened, answered, closed = lines
    assert opened.startswith(f"{session_id} opened")
    assert f"{response_id} completed" in answered
    assert "first audio" in answered
    assert closed.startswith(f"{session_id} closed")
    assert not [line for line in lines if "secret" in line or "Certainly" in line]


async def test_a_failure_is_logged_with_its_remedy_but_not_in_the_words_of_the_provider(lines):
    settings = scripted_settings(llm={"fail": "start"})
    async with running(settings) as server, client(server.url) as wire:
        await wire.say("hi")
        await wire.until("response.done")
        message = wire.events[-1]["response"]["status_details"]["error"]["message"]
    assert "LLM scripted failed: the script says so. " in message
    (line,) = (line for line in lines if "failed" in line and "resp_" in line)
    assert message.replace("the script says so", "…") in line


@pytest.mark.parametrize("hears", [True, False])
async def test_a_turn_that_is_not_transcribed_is_told_once(lines, hears):
    model = {**SCRIPTED["llm"], "audio_input": hears}
    settings = scripted_settings(llm=model, stt={"fail": "start"})
    async with running(settings) as server, client(server.url) as wire:
        await wire.append(speech())
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == ("completed" if hears else "failed")
        await wire.settled()
    about = [line for line in lines if "STT scripted failed" in line]
    assert len(about) == 1
    assert ("was not transcribed" in about[0]) == hears


async def test_a_provider_that_cannot_be_built_is_logged_without_what_it_says(lines):
    settings = scripted_settings(llm={"provider": "tests.providers.own_backends:QuotingLLM"})
    async with running(settings) as server, client(server.url) as wire:
        await wire.say("a secret question")
        await wire.until("response.done")
        message = wire.events[-1]["response"]["status_details"]["error"]["message"]
    assert "cannot build for [{'role': 'user', 'content': 'a secret question'}]" in message
    assert not [line for line in lines if "secret" in line]
    assert [line for line in lines if "pipeline could not be built: ValueError" in line]


async def test_tracing_names_the_session_in_the_log(lines):
    async with running() as server, client(server.url) as wire:
        await wire.update(tracing={"workflow_name": "kiosk", "group_id": "g7"})
        await wire.update(instructions="x")
    assert len([line for line in lines if "kiosk" in line and "g7" in line]) == 1


# --- turns: each is in the log once ---


@pytest.fixture
def turns() -> Iterator[list[dict[str, Any]]]:
    """What the log knows of turns and responses."""
    found: list[dict[str, Any]] = []

    def keep(message: Any) -> None:
        extra = message.record["extra"]
        if extra.get("event") not in ("session.opened", "session.closed"):
            found.append(extra)

    sink = logger.add(keep, level="INFO")
    yield found
    logger.remove(sink)


async def manual_turn(wire: WireClient, **audio_input: Any) -> str:
    """Commit a turn that asks for no answer."""
    await wire.update(audio={"input": {"turn_detection": None, **audio_input}})
    await wire.append(speech())
    await wire.send("input_audio_buffer.commit")
    item_id: str = (await wire.until("input_audio_buffer.committed"))["item_id"]
    return item_id


async def test_a_turn_that_nobody_answers_has_a_line_when_it_is_transcribed(turns):
    async with running() as server, client(server.url) as wire:
        item_id = await manual_turn(wire, transcription=WHISPER)
        await wire.until(TRANSCRIBED)
        (line,) = turns
        assert (line["event"], line["item_id"]) == ("turn", item_id)
        assert line["outcome"] == "transcribed"
        assert line["transcript_ms"] > 0
        # An answer that is asked for later begins when it is asked for.
        await wire.send("response.create")
        await wire.until("response.done")
        assert [line["event"] for line in turns] == ["turn", "response"]
        assert "item_id" not in turns[1]


@pytest.mark.parametrize(
    ("transcription", "last", "outcome"),
    [(WHISPER, TRANSCRIBED, "transcribed"), (None, "conversation.item.done", "committed")],
)
async def test_a_turn_of_a_transcription_session_has_a_line(turns, transcription, last, outcome):
    async with running() as server:
        url = server.url.replace("model=gpt-realtime", "intent=transcription")
        async with client(url) as wire:
            audio = {"input": {"turn_detection": None, "transcription": transcription}}
            await wire.send("session.update", session={"type": "transcription", "audio": audio})
            await wire.append(speech())
            await wire.send("input_audio_buffer.commit")
            await wire.until(last)
        await server.emptied()
    assert [(line["event"], line["outcome"]) for line in turns] == [("turn", outcome)]
    assert turns[0]["item_id"] == wire.of("input_audio_buffer.committed")[0]["item_id"]


async def test_a_turn_that_cannot_be_transcribed_has_one_line_with_the_reason(turns, lines):
    async with (
        running(scripted_settings(stt={"fail": "start"})) as server,
        client(server.url) as wire,
    ):
        item_id = await manual_turn(wire, transcription=WHISPER)
        await wire.until(FAILED)
    (line,) = turns
    assert (line["event"], line["item_id"], line["outcome"]) == ("turn", item_id, "failed")
    assert line["error_code"] == "provider_error"
    assert [text for text in lines if item_id in text and "STT scripted failed: …" in text]
    assert not [text for text in lines if item_id in text and "the script says so" in text]


async def test_an_answer_to_a_turn_that_cannot_be_transcribed_is_its_line(turns):
    settings = scripted_settings(stt={"fail": "start"})
    async with running(settings) as server, client(server.url) as wire:
        await wire.append(speech())
        await wire.until("response.done")
    (line,) = turns
    assert (line["event"], line["outcome"]) == ("response", "failed")
    assert line["item_id"] == wire.of("input_audio_buffer.committed")[0]["item_id"]


async def test_audio_in_an_item_that_cannot_be_transcribed_is_told(turns):
    """It is no turn: nobody was waiting when it came."""
    settings = scripted_settings(stt={"fail": "start"})
    async with running(settings) as server, client(server.url) as wire:
        content = [{"type": "input_audio", "audio": encoded(bytes(4800))}]
        item = {"type": "message", "role": "user", "content": content}
        await wire.send("conversation.item.create", item=item)
        async with asyncio.timeout(20):
            while not turns:
                await wire.settled()
    assert [line["event"] for line in turns] == ["transcription.failed"]


@pytest.mark.parametrize(
    ("slow", "event", "stages"),
    [
        ({"stt": {"delay_ms": 60_000}}, "response", ["done_ms"]),
        ({"tts": {"delay_ms": 60_000}}, "response", ["transcript_ms", "first_text_ms", "done_ms"]),
    ],
    ids=["while it is heard", "while it is answered"],
)
async def test_a_client_that_goes_leaves_a_line_for_what_was_under_way(turns, slow, event, stages):
    async with running(scripted_settings(**slow)) as server:
        async with client(server.url) as wire:
            await wire.append(speech())
            await wire.until("response.created")
            if "first_text_ms" in stages:
                await wire.until("response.output_audio_transcript.delta")
        await server.emptied()
    (line,) = turns
    assert (line["event"], line["outcome"]) == (event, "abandoned")
    assert [name for name in line if name.endswith("_ms")] == stages


async def test_a_client_that_goes_leaves_a_line_for_a_turn_that_was_being_heard(turns):
    async with running(scripted_settings(stt={"delay_ms": 60_000})) as server:
        async with client(server.url) as wire:
            item_id = await manual_turn(wire)
        await server.emptied()
    (line,) = turns
    assert (line["event"], line["item_id"], line["outcome"]) == ("turn", item_id, "abandoned")


async def test_a_response_beside_the_conversation_is_not_the_answer_to_a_turn(turns):
    gate = scripted_settings(stt={"delay_ms": 300})
    async with running(gate) as server, client(server.url) as wire:
        item_id = await manual_turn(wire, transcription=WHISPER)
        text = {"type": "input_text", "text": "hi"}
        item = {"type": "message", "role": "user", "content": [text]}
        await wire.send("response.create", response={"conversation": "none", "input": [item]})
        async with asyncio.timeout(20):
            while not (wire.of("response.done") and wire.of(TRANSCRIBED)):
                await wire.receive()
    of_turn = [line for line in turns if line["event"] == "turn"]
    of_response = [line for line in turns if line["event"] == "response"]
    assert [line["item_id"] for line in of_turn] == [item_id]
    assert [line.get("item_id") for line in of_response] == [None]
