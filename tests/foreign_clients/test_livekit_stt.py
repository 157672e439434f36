"""The streaming recognisers of LiveKit's OpenAI plugins, unmodified: for Python and for Node."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from pipecat.frames.frames import Frame, TranscriptionFrame
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import SegmentedSTTService, STTService

from pipeline_manager import PipelineManager
from providers import STTProvider
from tests.foreign_clients.installed import Report, of, run_node, run_python
from tests.support.running_server import running, scripted_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

TURN = ["start_of_speech", "end_of_speech", "final_transcript", "recognition_usage"]
SERVER_TURNS = ["server_turns", "context_hints"]
CLIENT_TURNS = ["client_turns", "gpt_realtime_whisper"]


class GermanEarService(SegmentedSTTService):
    """Hears German where it is told no language."""

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        frame = TranscriptionFrame("hello there", "", "")
        if self._settings.language is None:
            frame.metadata["languages"] = ["de"]
        yield frame


class GermanEar(STTProvider):
    label = "German ear"

    def create(self) -> STTService:
        return GermanEarService(settings=STTSettings(model=None, language=None))


@pytest.fixture(scope="module", params=["python", "node"])
async def report(request) -> Report:
    settings = scripted_settings()
    async with running(settings, PipelineManager(settings, stt=GermanEar())) as server:
        if request.param == "node":
            return await run_node("livekit/drive_stt", server.url)
        return await run_python("livekit", server.url, part="stt")


def both_turns(lines):
    """Assert that two turns were heard; an error in the first would have ended the stream."""
    kinds = [line["event"] for line in lines if line["event"] in TURN]
    assert kinds == TURN * 2
    assert [line["texts"] for line in of(lines, "final_transcript")] == [["hello there"]] * 2
    assert of(lines, "interim_transcript")


@pytest.mark.parametrize("scenario", SERVER_TURNS)
async def test_turns_that_the_server_finds_are_transcribed_and_measured(report, scenario):
    lines = report.scenario(scenario)
    both_turns(lines)
    assert all(line["audio_s"] > 1 for line in of(lines, "usage"))


async def test_the_transcript_has_the_language_that_was_asked_for(report):
    finals = of(report.scenario("server_turns"), "final_transcript")
    assert [line["languages"] for line in finals] == [["en-US"]] * 2
    changed = of(report.scenario("context_hints"), "final_transcript")
    assert changed[-1]["languages"] == ["en"]


@pytest.mark.parametrize("scenario", CLIENT_TURNS)
async def test_models_without_server_turns_leave_them_to_the_client(report, scenario):
    """It finds and commits turns itself; events of the server's would measure them."""
    lines = report.scenario(scenario)
    both_turns(lines)
    assert [line["audio_s"] for line in of(lines, "usage")] == [0, 0]


async def test_a_language_that_the_recogniser_found_is_shown(report):
    lines = report.scenario("detected_language")
    both_turns(lines)
    assert [line["languages"] for line in of(lines, "final_transcript")] == [["de"]] * 2
