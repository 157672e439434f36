"""§B.5: the user speaks while a response runs."""

from __future__ import annotations

from session.decisions import SpeechStarted, SpeechStopped
from session.effects import StopGenerating
from tests.conformance.sequences import (
    AUDIO_CLOSE,
    COMMITTED,
    END,
    ZERO,
    Output,
    added,
    committed,
    created,
    done,
    driver,
    messages,
    started,
    stopped,
    usage,
    user_text,
)
from tests.support.session_driver import types


def test_barge_in_closes_the_running_response_after_speech_started() -> None:
    d = driver()
    events = d.say("Tell me a story.")
    events += d.respond()
    running = d.running
    events += d.text("Once upon a time.")
    events += d.audio(1000)
    events += d.append(5000)
    events += d.interrupts(4896)
    assert d.kind(StopGenerating) == [StopGenerating(running)]
    # Nothing more of it is heard, whatever the pipeline still reports.
    events += d.text("more", running) + d.audio(10, running) + d.finish(response_id=running)
    # The client cuts what it did not play, then the turn goes on.
    place = {"item_id": d.items()[1], "content_index": 0, "audio_end_ms": 600}
    events += d.send("conversation.item.truncate", **place)
    events += d.append(1000)
    events += d.decided(SpeechStopped(5888))

    answer = Output("item_2", "item_1")
    said = "Once upon a time."
    assert d.named(events) == [
        *added(user_text("item_1", "Tell me a story."), None),
        created(),
        *answer.speaks(said, 1000),
        started("item_3", 4596),
        *answer.has_spoken(said, "incomplete"),
        *done(
            "cancelled",
            status_details={"type": "cancelled", "reason": "turn_detected"},
            output=[answer.spoken(said, "incomplete")],
            usage=usage(6, 5, audio_out=20),
        ),
        {"type": "conversation.item.truncated", **place, "item_id": "item_2"},
        stopped("item_3", 5888),
        *committed("item_3", "item_2"),
        created(id="resp_2"),
    ]
    d.heard(d.items()[2], "Stop.")
    assert messages(d) == [
        ("user", "Tell me a story."),
        ("assistant", "Once upon"),
        ("user", "Stop."),
    ]


def test_barge_in_before_anything_was_said() -> None:
    d = driver()
    d.respond()
    d.append(500)
    events = d.decided(SpeechStarted(96))
    assert types(events) == ["input_audio_buffer.speech_started", "response.done"]
    done = events[1]["response"]
    assert (done["status"], done["output"], done["usage"]) == ("cancelled", [], ZERO)


def test_barge_in_while_the_transcript_is_still_awaited() -> None:
    d = driver()
    d.speak(0, 960)
    d.append(1000)
    events = d.decided(SpeechStarted(1056))
    assert types(events) == ["input_audio_buffer.speech_started", "response.done"]
    assert events[1]["response"]["usage"] == ZERO
    assert d.heard(d.items()[0], "One.") == []
    assert d.requests == []
    d.decided(SpeechStopped(1920))
    d.heard(d.items()[1], "Two.")
    assert messages(d) == [("user", "One."), ("user", "Two.")]


def test_speech_after_the_end_of_a_response_ends_nothing() -> None:
    d = driver()
    d.respond()
    d.answer()
    d.append(500)
    assert types(d.interrupts(96)) == ["input_audio_buffer.speech_started"]


def test_without_interruption_the_answer_to_the_turn_waits_for_the_running_one() -> None:
    d = driver(interrupt_response=False)
    d.respond()
    d.text("Once upon")
    events = d.speak()
    assert types(events) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        *COMMITTED,
    ]
    d.heard(d.items()[1], "And then?")
    assert types(d.text(" a time.")) == ["response.output_audio_transcript.delta"]
    assert types(d.finish()) == [*AUDIO_CLOSE, *END, "response.created"]
    assert messages(d) == [("assistant", "Once upon a time."), ("user", "And then?")]


def test_cancelling_does_not_cancel_the_answer_that_waits() -> None:
    d = driver(interrupt_response=False)
    d.respond()
    d.speak()
    d.heard(d.items()[0], "And then?")
    events = d.send("response.cancel")
    assert types(events) == ["response.done", "response.created"]
    assert events[0]["response"]["id"] != events[1]["response"]["id"]
    assert messages(d) == [("user", "And then?")]


def test_an_answer_that_waits_is_dropped_when_the_user_speaks_again() -> None:
    d = driver()
    d.append(500)
    d.decided(SpeechStarted(96))
    d.respond()
    d.decided(SpeechStopped(480))
    d.append(1000)
    events = d.decided(SpeechStarted(1056))
    assert types(events) == ["input_audio_buffer.speech_started", "response.done"]
    assert types(d.decided(SpeechStopped(1472)))[-1] == "response.created"


def test_each_waiting_turn_is_answered_once() -> None:
    d = driver(interrupt_response=False)
    d.respond()
    d.speak(0, 960)
    d.speak(2048, 3008)
    for item_id, text in zip(d.items(), ("One.", "Two."), strict=True):
        d.heard(item_id, text)
    assert types(d.finish())[-1] == "response.created"
    assert messages(d) == [("user", "One."), ("user", "Two.")]
    assert "response.created" not in types(d.text("Three.") + d.finish())


def test_without_interruption_an_answer_knows_only_what_was_said_before_it() -> None:
    d = driver(interrupt_response=False)
    d.speak(0, 960)
    d.speak(2048, 3008)
    first, second = d.items()
    d.heard(first, "One.")
    assert messages(d) == [("user", "One.")]
    d.heard(second, "Two.")
    d.text("Uno.")
    d.finish()
    assert messages(d) == [("user", "One."), ("user", "Two."), ("assistant", "Uno.")]


def test_out_of_band_responses_are_not_interrupted() -> None:
    d = driver()
    d.respond(conversation="none")
    d.append(500)
    assert types(d.decided(SpeechStarted(96))) == ["input_audio_buffer.speech_started"]
    assert types(d.text("still here"))[-1] == "response.output_audio_transcript.delta"
