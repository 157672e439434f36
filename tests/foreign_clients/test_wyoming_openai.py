"""wyoming-openai, unmodified: the bridge by which Home Assistant hears and speaks."""

from __future__ import annotations

import pytest

from tests.foreign_clients.installed import QUARTER_SECOND, Report, last, of, run_python
from tests.support.running_server import running, scripted_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
async def report() -> Report:
    async with running(scripted_settings(llm={"provider": "embedded"})) as server:
        return await run_python("wyoming-openai", server.url)


async def test_a_command_is_transcribed_whatever_the_model_is_called(report):
    lines = report.scenario("transcription")
    heard = {line["model"]: line["transcript"] for line in of(lines, "heard")}
    names = ("gpt-live-transcribe", "gpt-realtime-whisper", "my-own-recogniser")
    assert heard == dict.fromkeys(names, "hello there")
    assert [line["text"] for line in of(lines, "chunk")] == ["hello there"] * 3


async def test_a_text_is_read_aloud(report):
    assert last(report.scenario("speech"), "audio")["bytes"] >= QUARTER_SECOND
