"""WebRTC in Chromium by the official `openai` package, and by the code of OpenAI's guide alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.foreign_clients.in_browser import Browser, browser
from tests.foreign_clients.installed import Line, last, of
from tests.support.keys import guarded
from tests.support.strict_reader import check_event

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRANSCRIBED = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}


@pytest.fixture(scope="module")
async def opened(tmp_path_factory):
    async with (
        guarded() as server,
        browser(server, tmp_path_factory.mktemp("browser")) as page,
    ):
        yield page


async def played(page: Browser, driver: str, scenario: str, **session: Any) -> list[Line]:
    lines = (await page.play(driver, scenario, **session)).scenario(scenario)
    for line in of(lines, "events"):
        for event in line["events"]:
            check_event(event)
    return lines


def events(lines: list[Line], type_: str) -> list[dict[str, Any]]:
    return [event for event in last(lines, "events")["events"] if event["type"] == type_]


def heard(lines: list[Line]) -> list[str]:
    kind = "conversation.item.input_audio_transcription.completed"
    return [event["transcript"] for event in events(lines, kind)]


async def test_the_package_holds_a_conversation(opened):
    lines = await played(opened, "openai", "conversation")
    assert last(lines, "answer")["status"] == 201
    assert last(lines, "answer")["location"].startswith("/v1/realtime/calls/rtc_")
    assert set(heard(lines)) == {"hello there"}
    assert last(lines, "sound")["energy"] > 0
    responses = [event["response"] for event in events(lines, "response.done")]
    assert [response["status"] for response in responses] == ["completed"] * 2


async def test_the_package_sees_the_end_of_a_call_that_is_deleted(opened):
    lines = await played(opened, "openai", "deleted")
    assert last(lines, "deleted")["status"] == 200
    assert last(lines, "closed")["reason"] in ("remote", "failed")


@pytest.mark.parametrize("scenario", ["ephemeral", "unified"])
async def test_the_guides_code_talks_and_types(opened, scenario):
    # With an ephemeral key the session is the key's.
    lines = await played(opened, "plain", scenario, **TRANSCRIBED)
    assert last(lines, "answer")["status"] == 201
    assert events(lines, "session.created")
    assert last(lines, "events")["events"][0]["type"] == "session.created"
    assert set(heard(lines)) == {"hello there"}
    assert last(lines, "sound")["energy"] > 0
    spoken, written = [event["response"] for event in events(lines, "response.done")]
    assert spoken["output"][0]["content"][0]["type"] == "output_audio"
    assert written["output"][0]["content"][0]["type"] == "output_text"


async def test_the_form_configures_the_session(opened):
    lines = await played(opened, "plain", "unified")
    (created,) = events(lines, "session.created")
    assert created["session"]["instructions"] == "Be brief."
    assert created["session"]["audio"]["output"]["voice"] == "marin"


async def test_the_answer_offers_correction_and_silence_and_opus_alone(opened):
    sdp = last(await played(opened, "plain", "ephemeral", **TRANSCRIBED), "answer")["sdp"]
    (opus,) = [line for line in sdp.splitlines() if line.startswith("a=rtpmap:")]
    assert "opus/48000/2" in opus
    (format_,) = [line for line in sdp.splitlines() if line.startswith("a=fmtp:")]
    assert "useinbandfec=1" in format_
    assert "usedtx=1" in format_
    assert [line for line in sdp.splitlines() if line.startswith("a=candidate:")]
