"""How long answers took, then and now."""

from __future__ import annotations

from typing import Any

from recordings.ids import Ids
from recordings.latency import latencies
from recordings.telling import slow, waterfall
from recordings.timeline import Message
from tests.recordings.sessions import audio, message

NAME = "conversation.item.input_audio_transcription.completed"


def session(response: str, took: float) -> list[Message]:
    of: dict[str, Any] = {"response_id": response}
    return [
        message("input_audio_buffer.committed", ms=100, item_id="i"),
        message("response.created", ms=100 + took, response={"id": response}),
        message(NAME, ms=100 + 2 * took, item_id="i", transcript="x"),
        message("response.output_audio_transcript.delta", ms=100 + 3 * took, delta="a", **of),
        audio(20, response, at_ms=100 + 4 * took),
        message("response.done", ms=100 + 5 * took, response={"id": response}),
        message("response.create", "client", ms=900),
        message("response.created", ms=900 + took, response={"id": response + "2"}),
    ]


def test_each_stage_is_compared_from_the_end_of_the_turn():
    ids = Ids()
    for one, other in (("r", "q"), ("r2", "q2")):
        ids.learn({"response": {"id": one}}, {"response": {"id": other}})
    compared = latencies(session("r", 10), session("q", 30), ids)
    assert [(one.answer, one.stage, one.recorded_ms, one.now_ms) for one in compared] == [
        (1, "transcript", 20, 60),
        (1, "created", 10, 30),
        (1, "first text", 30, 90),
        (1, "first audio", 40, 120),
        (1, "done", 50, 150),
        (2, "created", 10, 30),
    ]
    assert list(waterfall(compared))[1] == "  transcript         20 ms →      60 ms  ×3.00"
    # What is late by less than a machine is by itself is not slow.
    assert [one.stage for one in slow(compared, 2.5) if one.answer == 2] == []
    assert len(slow(compared, 2.5)) == 4
    assert slow(compared, 3.5) == []
