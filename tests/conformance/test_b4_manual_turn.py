"""§B.4: turns that the client commits."""

from __future__ import annotations

from session.decisions import SpeechStarted, SpeechStopped
from session.effects import Transcribe
from session.ports import TokenUsage
from tests.conformance.sequences import (
    Output,
    committed,
    created,
    done,
    driver,
    messages,
    transcribed,
    usage,
)
from tests.support.session_driver import pcm


def test_a_manual_turn() -> None:
    d = driver()
    d.manual()
    d.transcribe()
    assert d.append(500) + d.append(500) == []
    events = d.send("input_audio_buffer.commit")
    # The client need not wait for the transcript.
    events += d.respond()
    assert d.requests == []
    events += d.heard(d.items()[0], "Hello.")
    events += d.text("Hi.") + d.finish(usage=TokenUsage(5, 3))
    answer = Output("item_2", "item_1")
    assert d.named(events) == [
        *committed("item_1", None),
        created(),
        *transcribed("item_1", "Hello.", 1.0),
        *answer.speaks("Hi."),
        *answer.has_spoken("Hi."),
        *done("completed", output=[answer.spoken("Hi.")], usage=usage(5, 3, audio_in=10)),
    ]
    assert d.kind(Transcribe)[0].clip.audio == pcm(1000)
    assert messages(d) == [("user", "Hello.")]


def test_the_detector_is_not_listened_to_in_manual_mode() -> None:
    d = driver()
    d.manual()
    d.append(500)
    assert d.session.heard(SpeechStarted(96)) == []
    assert d.session.heard(SpeechStopped(480)) == []
