"""§B.5: the user speaks while a response runs."""

from __future__ import annotations

import pytest

from config import TurnsConfig
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
from tests.support.session_driver import Driver, of, session_config, types


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


def three_turns(d: Driver) -> list[str]:
    """Three turns that end while a response runs, which speaks once they are understood."""
    d.respond()
    for at, text in enumerate(("One.", "Two.", "Three.")):
        d.speak(2048 * at, 2048 * at + 960)
        d.heard(d.items()[-1], text)
    turns = d.items()
    d.text("Once.")
    return turns


def test_several_turns_that_wait_are_answered_each_in_order() -> None:
    d = driver(interrupt_response=False)
    first, second, third = three_turns(d)
    assert types(d.finish())[-1] == "response.created"
    assert messages(d) == [("assistant", "Once."), ("user", "One.")]
    d.text("Uno.")
    assert types(d.finish())[-1] == "response.created"
    assert messages(d)[2:] == [("assistant", "Uno."), ("user", "Two.")]
    d.text("Due.")
    assert types(d.finish())[-1] == "response.created"
    assert messages(d)[4:] == [("assistant", "Due."), ("user", "Three.")]
    assert "response.created" not in types(d.text("Tre.") + d.finish())
    # Each answer stands behind its own turn, and clients are told so.
    assert [d.items()[at] for at in (1, 3, 5)] == [first, second, third]
    told = {
        event["item"]["id"]: event["previous_item_id"]
        for event in of(d.events, "conversation.item.added")
    }
    answers = [d.items()[at] for at in (0, 2, 4, 6)]
    assert [told[item_id] for item_id in answers] == [None, first, second, third]


@pytest.mark.parametrize("asks", [False, True])
def test_turns_that_wait_are_answered_as_one_where_that_is_set(asks: bool) -> None:
    d = Driver(session_config(turns=TurnsConfig(queued="each" if asks else "merge")))
    d.turn_detection(interrupt_response=False, **({"queued": "merge"} if asks else {}))
    three_turns(d)
    assert types(d.finish())[-1] == "response.created"
    spoken = ["Once.", "One.", "Two.", "Three."]
    assert [text for _, text in messages(d)] == spoken
    assert "response.created" not in types(d.text("All.") + d.finish())


def test_turns_without_words_do_not_keep_the_next_one_waiting() -> None:
    d = driver(interrupt_response=False)
    d.respond()
    for at in range(300):
        d.speak(2048 * at, 2048 * at + 960)
        d.heard(d.items()[-1], "Now." if at == 299 else "")
    d.finish()
    assert messages(d) == [("user", "Now.")]


def test_a_turn_that_waits_and_is_deleted_is_not_answered() -> None:
    d = driver(interrupt_response=False)
    first, second, third = three_turns(d)
    d.send("conversation.item.delete", item_id=second)
    d.finish()
    d.text("Uno.")
    d.finish()
    assert messages(d)[-1] == ("user", "Three.")
    d.send("conversation.item.delete", item_id=third)
    d.send("conversation.item.delete", item_id=first)
    assert "response.created" not in types(d.text("Tre.") + d.finish())


def test_a_cancelled_answer_is_followed_by_the_next() -> None:
    d = driver(interrupt_response=False)
    three_turns(d)
    for text in ("One.", "Two.", "Three."):
        done, *_, following = types(d.send("response.cancel"))
        assert done in ("response.done", "response.output_audio.done")
        assert following == "response.created"
        assert messages(d)[-1] == ("user", text)
    assert types(d.send("response.cancel"))[-1] == "response.done"


def test_a_client_cannot_create_a_response_between_answers_that_wait() -> None:
    d = driver(interrupt_response=False)
    three_turns(d)
    d.finish()
    (error,) = d.respond()
    assert error["error"]["code"] == "conversation_already_has_active_response"
    beside = d.respond(conversation="none")
    assert types(beside) == ["response.created"]
    assert [text for _, text in messages(d)] == ["Once.", "One.", "Two.", "Three."]


def test_who_may_be_interrupted_again_drops_all_answers_that_wait() -> None:
    d = driver(interrupt_response=False)
    three_turns(d)
    d.turn_detection(interrupt_response=True)
    d.append(4096)
    events = d.decided(SpeechStarted(7008))
    assert of(events, "response.done")[0]["response"]["status"] == "cancelled"
    assert "response.created" not in types(events)
    events = d.decided(SpeechStopped(8000))
    assert types(events)[-1] == "response.created"
    d.heard(d.items()[-1], "Four.")
    assert [text for _, text in messages(d)] == ["One.", "Two.", "Three.", "Four."]


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
    assert messages(d) == [("user", "One."), ("assistant", "Uno."), ("user", "Two.")]


def test_out_of_band_responses_are_not_interrupted() -> None:
    d = driver()
    d.respond(conversation="none")
    d.append(500)
    assert types(d.decided(SpeechStarted(96))) == ["input_audio_buffer.speech_started"]
    assert types(d.text("still here"))[-1] == "response.output_audio_transcript.delta"
