"""OpenAI's Agents SDK for JavaScript over WebRTC in Chromium, unmodified, with its defaults."""

from __future__ import annotations

from typing import Any

import pytest

from config import load_settings
from tests.foreign_clients.in_browser import browser
from tests.foreign_clients.installed import Line, Report, last, of
from tests.support.fake_openai import FakeOpenAI
from tests.support.keys import KEY
from tests.support.running_server import SCRIPTED, running, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG_REPLY = [f" word{number}" for number in range(60)]
"""An answer that takes half a minute to say, and no time to make."""
SAY_MS = 20
"""The scripted voice's time for a character."""
HEARD_MS = 400
"""What the player may be ahead or behind of what the server has sent: its jitter buffer, and the
pauses between two looks at its statistics."""


def guarded(**changed: dict[str, Any]) -> Any:
    return load_settings(**{**SCRIPTED, "server": {"api_keys": [KEY]}, **changed})


@pytest.fixture(scope="module")
async def play(tmp_path_factory):
    """Play a scenario with the assistant as the model, each once."""
    reports: dict[str, Report] = {}
    async with (
        running(guarded(llm={"provider": "embedded"})) as server,
        browser(server, tmp_path_factory.mktemp("browser")) as opened,
    ):

        async def once(scenario: str) -> list[Line]:
            if scenario not in reports:
                reports[scenario] = await opened.play("agents", scenario)
            return reports[scenario].scenario(scenario)

        yield once


def types(lines: list[Line]) -> list[str]:
    return [event["type"] for event in last(lines, "events")["events"]]


def events(lines: list[Line], type_: str) -> list[dict[str, Any]]:
    return [event for event in last(lines, "events")["events"] if event["type"] == type_]


def in_order(found: list[str], *wanted: str) -> None:
    """Assert that these types come in this order, whatever is between them."""
    rest = iter(found)
    for type_ in wanted:
        assert type_ in rest, f"{type_} is not behind what should come before it: {found}"


async def test_the_browsers_microphone_is_heard_and_answered_aloud(play):
    lines = await play("microphone")
    assert last(lines, "history")["user"] == ["hello there"]
    assert last(lines, "history")["assistant"][0]
    assert last(lines, "sound")["energy"] > 0
    found = types(lines)
    assert found[0] == "session.created"
    assert "response.output_audio.delta" not in found
    in_order(
        found,
        "session.updated",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "response.created",
        "response.content_part.added",
        "output_audio_buffer.started",
        "response.done",
        "output_audio_buffer.stopped",
    )


async def test_a_written_message_is_answered_aloud_and_counted(play):
    lines = await play("text")
    history = last(lines, "history")
    assert history["user"] == ["hello"]
    assert history["assistant"] == [last(lines, "agent_end")["output"]] != [""]
    assert last(lines, "sound")["energy"] > 0
    assert last(lines, "usage")["input"] > 0
    assert last(lines, "usage")["output"] > 0


async def test_the_client_knows_the_calls_id(play):
    assert last(await play("text"), "call")["id"].startswith("rtc_")


async def test_a_tool_is_run_and_its_result_spoken(play):
    lines = await play("tool")
    assert [line["result"] for line in of(lines, "tool_end")] == ["21C and sunny in Oslo"]
    assert "21C" in last(lines, "history")["assistant"][-1]
    assert last(lines, "sound")["energy"] > 0


async def test_speech_over_an_answer_interrupts_and_truncates_it(play):
    lines = await play("barge_in")
    assert [line["status"] for line in of(lines, "response")] == ["cancelled", "completed"]
    assert last(lines, "history")["user"] == ["tell me a long story", "hello there"]
    in_order(
        types(lines),
        "output_audio_buffer.started",
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "response.output_audio.done",
        "response.done",
        "conversation.item.truncated",
        "response.created",
    )
    assert len(events(lines, "conversation.item.truncated")) == 1


async def test_interrupting_stops_the_sound_and_the_next_message_is_answered(play):
    lines = await play("interrupt")
    assert [line["status"] for line in of(lines, "response")] == ["cancelled", "completed"]
    in_order(
        types(lines),
        "output_audio_buffer.started",
        "output_audio_buffer.cleared",
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
    )
    assert len(events(lines, "conversation.item.truncated")) == 1


async def test_a_muted_microphone_is_not_heard_until_it_is_unmuted(play):
    lines = await play("mute")
    assert last(lines, "muted")["speech"] == 0
    assert last(lines, "history")["user"] == ["hello", "hello there"]


async def test_an_utterance_too_large_for_the_channel_leaves_the_call_as_it_was(play):
    lines = await play("long")
    assert last(lines, "channel")["state"] == "open"
    *spoken, written = last(lines, "history")["user"]
    assert set(spoken) == {"hello there"}
    assert written == "hello"
    (stopped, *_) = events(lines, "input_audio_buffer.speech_stopped")
    (started, *_) = events(lines, "input_audio_buffer.speech_started")
    assert stopped["audio_end_ms"] - started["audio_start_ms"] > 25_000


async def test_a_call_that_the_server_ends_is_ended_at_the_client(play):
    lines = await play("hang_up")
    assert last(lines, "hung_up")["status"] == 200
    assert last(lines, "connection")["status"] == "disconnected"
    assert last(lines, "hung_up_again")["status"] == 404
    assert last(lines, "hung_up_again")["error"]["code"] == "call_id_not_found"


async def test_the_client_shows_why_a_call_is_refused(play):
    message = last(await play("refused"), "refused")["message"]
    assert message.startswith("Realtime call request failed with status 401: ")


async def test_speech_into_an_answer_long_made_cuts_it_where_it_was_heard(tmp_path):
    fake = FakeOpenAI()
    fake.reply = LONG_REPLY
    async with serving(fake.app) as port:
        model = {
            "provider": "openai",
            "api_base": f"http://127.0.0.1:{port}/v1",
            "api_key": "secret-key",
            "model": "llama-x",
        }
        async with (
            running(guarded(llm=model)) as server,
            browser(server, tmp_path) as opened,
        ):
            report = await opened.play("agents", "late_barge_in")
    lines = report.scenario("late_barge_in")
    assert [line["status"] for line in of(lines, "response")][:1] == ["completed"]
    in_order(
        types(lines),
        "response.done",
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
        "response.created",
    )
    (truncated,) = events(lines, "conversation.item.truncated")
    # A busy machine plays late, and never ahead.
    assert 0 < truncated["audio_end_ms"] < last(lines, "heard")["ms"] + HEARD_MS
    # What the model is told of its answer is what was heard of it, as many words.
    (said,) = [m["content"] for m in fake.chats[1]["messages"] if m["role"] == "assistant"]
    heard = [word for word in said.split() if word.startswith("word")]
    assert heard == [word.strip() for word in LONG_REPLY][: len(heard)]
    per_word = SAY_MS * len(" word10")
    assert abs(len(heard) - truncated["audio_end_ms"] / per_word) < 4
