"""§B.3: a detected voice turn, with and without transcription events."""

from __future__ import annotations

import pytest

from audio.clip import Clip
from audio.formats import AudioFormat
from session.decisions import SpeechHesitated, SpeechResumed, SpeechStarted, SpeechStopped
from session.effects import HearTurn, Speculate, Transcribe
from session.ports import FailureReason, TokenUsage, Transcript, TranscriptionSettings
from session.reports import TurnFailed, TurnGuessed, TurnSoFar, TurnUnderstood
from tests.conformance.sequences import (
    COMMITTED,
    END,
    TRANSCRIPTION,
    Output,
    committed,
    created,
    done,
    driver,
    messages,
    started,
    stopped,
    transcribed,
    usage,
)
from tests.support.session_driver import Driver, of, pcm, types

FAILURE = FailureReason("The recogniser is gone.", "provider_error", "server_error")


def test_a_detected_turn_with_transcription() -> None:
    d = driver()
    d.transcribe()
    events = d.append(12_352)
    events += d.decided(SpeechStarted(12_256))
    events += d.append(2_400)
    events += d.decided(SpeechStopped(14_720))
    item_id = d.items()[-1]
    assert d.requests == []
    events += d.heard(item_id, "Hello from the probe.")
    events += d.text("Hi.")
    events += d.audio(100)
    events += d.finish(usage=TokenUsage(12, 3))

    answer = Output("item_2", "item_1")
    assert d.named(events) == [
        started("item_1", 11_956),
        stopped("item_1", 14_720),
        *committed("item_1", None),
        created(),
        *transcribed("item_1", "Hello from the probe.", 2.764),
        *answer.speaks("Hi.", 100),
        *answer.has_spoken("Hi."),
        *done(
            "completed",
            output=[answer.spoken("Hi.")],
            usage=usage(12, 3, audio_in=27, audio_out=2),
        ),
    ]
    assert messages(d) == [("user", "Hello from the probe.")]


def test_the_recogniser_hears_the_turn_and_is_given_exactly_its_audio() -> None:
    d = driver()
    d.update(audio={"input": {"transcription": {"model": "m", "language": "de", "prompt": "p"}}})
    d.append(1000)
    d.decided(SpeechStarted(896))
    item_id = of(d.events, "input_audio_buffer.speech_started")[0]["item_id"]
    assert d.kind(HearTurn) == [
        HearTurn(
            item_id,
            Clip(pcm(1000 - 596), AudioFormat(), None),
            TranscriptionSettings(("de",), "p"),
        )
    ]
    d.append(1000)
    d.decided(SpeechStopped(1952))
    (transcribe,) = d.kind(Transcribe)
    assert (transcribe.item_id, transcribe.clip.audio) == (item_id, pcm(1952 - 596))
    assert (transcribe.settings.language, transcribe.settings.prompt) == ("de", "p")


def test_without_transcription_the_turn_is_answered_in_the_same_way() -> None:
    d = driver()
    events = d.speak()
    item_id = d.items()[0]
    assert d.heard(item_id, "Hello.") == []
    assert types(events)[-1] == "response.created"
    assert messages(d) == [("user", "Hello.")]


def test_a_turn_may_be_committed_without_an_answer() -> None:
    d = driver(create_response=False)
    assert types(d.speak()) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        *COMMITTED,
    ]
    d.heard(d.items()[0], "Hello.")
    assert d.requests == []


def test_a_turn_of_the_detector_may_be_short() -> None:
    d = driver(prefix_padding_ms=0)
    d.append(200)
    d.decided(SpeechStarted(96))
    assert types(d.decided(SpeechStopped(192)))[:2] == [
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
    ]


def test_transcripts_may_come_out_of_order() -> None:
    d = driver(create_response=False)
    d.transcribe()
    d.speak(0, 960)
    d.speak(2048, 3008)
    first, second = d.items()
    assert {event["item_id"] for event in d.heard(second, "Two.")} == {second}
    assert {event["item_id"] for event in d.heard(first, "One.")} == {first}
    d.respond()
    assert messages(d) == [("user", "One."), ("user", "Two.")]


def test_a_transcript_may_come_in_the_middle_of_an_answer() -> None:
    d = driver(create_response=False, interrupt_response=False)
    d.transcribe()
    d.say("Hi.")
    d.respond()
    d.text("Hello")
    d.speak()
    assert types(d.heard(d.items()[-1], "One.")) == [
        f"{TRANSCRIPTION}.delta",
        f"{TRANSCRIPTION}.completed",
    ]
    assert types(d.text(" there.")) == ["response.output_audio_transcript.delta"]


def test_an_item_is_transcribed_once() -> None:
    d = driver()
    d.transcribe()
    d.speak()
    item_id = d.items()[0]
    d.heard(item_id, "Hello.")
    assert d.heard(item_id, "Again.") == []
    assert d.report(TurnFailed(item_id, FAILURE)) == []
    assert d.heard("nobody", "Hello.") == []


def test_half_a_character_in_a_transcript_reaches_neither_client_nor_model() -> None:
    d = driver()
    d.transcribe()
    d.speak()
    (completed,) = of(d.heard(d.items()[0], "Cheers \ud83c"), f"{TRANSCRIPTION}.completed")
    assert completed["transcript"] == "Cheers \N{REPLACEMENT CHARACTER}"
    assert messages(d) == [("user", "Cheers \N{REPLACEMENT CHARACTER}")]


def test_silence_is_transcribed_by_an_empty_transcript_without_delta() -> None:
    d = driver(create_response=False)
    d.transcribe()
    d.speak()
    (completed,) = d.heard(d.items()[0], "")
    assert completed["type"] == f"{TRANSCRIPTION}.completed"
    assert completed["transcript"] == ""


def test_a_noise_taken_for_a_turn_is_not_answered_but_its_response_ends() -> None:
    d = driver()
    d.speak()
    assert types(d.heard(d.items()[0], "")) == END
    (done,) = of(d.events, "response.done")
    assert (done["response"]["status"], done["response"]["output"]) == ("completed", [])
    assert d.requests == []


@pytest.mark.parametrize("text", ["[BLANK_AUDIO]", "(coughs)", ".", "♪ ♪", "Ha, ha, ha."])
def test_what_a_recogniser_says_about_a_noise_is_no_transcript(text: str) -> None:
    d = driver()
    d.transcribe()
    d.speak()
    (item_id,) = d.items()
    d.report(TurnSoFar(item_id, text))
    assert d.report(TurnSoFar(item_id, text)) == []
    events = d.report(TurnUnderstood(item_id, Transcript(text, ("en",), ())))
    assert types(events) == [f"{TRANSCRIPTION}.completed", *END]
    assert (events[0]["transcript"], events[0]["languages"]) == ("", [])
    d.say("Hello?")
    d.respond()
    assert messages(d) == [("user", "Hello?")]


def test_a_thank_you_that_the_recogniser_doubts_is_none() -> None:
    d = driver(create_response=False)
    d.transcribe()
    d.speak(0, 960)
    d.speak(2048, 3008)
    doubted, believed = d.items()
    (completed,) = d.report(TurnUnderstood(doubted, Transcript("Thank you.", no_speech=0.8)))
    assert completed["transcript"] == ""
    d.report(TurnUnderstood(believed, Transcript("Thank you.", no_speech=0.1)))
    d.respond()
    assert messages(d) == [("user", "Thank you.")]


def guessed(d: Driver, text: str, no_speech: float | None = None) -> str:
    """An open turn at its first pause, whose transcript so far is `text`; returns its item."""
    d.append(1000)
    (begun,) = of(d.decided(SpeechStarted(512)), "input_audio_buffer.speech_started")
    d.append(500)
    d.decided(SpeechHesitated(1408))
    d.report(TurnGuessed(begun["item_id"], text, no_speech))
    return str(begun["item_id"])


def test_a_turn_whose_guess_has_no_words_makes_no_response() -> None:
    d = driver()
    d.transcribe()
    item_id = guessed(d, "(coughs)")
    assert d.kind(Speculate) == []
    events = d.decided(SpeechStopped(1504))
    assert types(events) == ["input_audio_buffer.speech_stopped", *COMMITTED]
    assert types(d.heard(item_id, "(coughs)")) == [f"{TRANSCRIPTION}.completed"]
    assert d.requests == []
    # A turn with words is answered as ever.
    d.speak(2048, 3008)
    d.heard(d.kind(HearTurn)[-1].item_id, "Hello.")
    assert messages(d) == [("user", "Hello.")]


def test_a_thank_you_of_which_the_guess_is_unsure_makes_none_either() -> None:
    d = driver()
    guessed(d, "Thank you.", 0.8)
    assert "response.created" not in types(d.decided(SpeechStopped(1504)))


def test_a_guess_that_was_wrong_is_made_good_by_the_transcript() -> None:
    d = driver()
    item_id = guessed(d, ".")
    d.decided(SpeechStopped(1504))
    assert types(d.heard(item_id, "Stop.")) == ["response.created"]
    assert messages(d) == [("user", "Stop.")]


def test_a_guess_does_not_count_once_the_user_speaks_on() -> None:
    d = driver()
    guessed(d, "")
    d.decided(SpeechResumed(1440))
    d.append(500)
    assert types(d.decided(SpeechStopped(1952)))[-1] == "response.created"


def coughs(d: Driver, text: str = "") -> list[dict[str, object]]:
    """A noise behind a turn that is about to be answered."""
    d.speak(2048, 3008)
    return d.heard(d.items()[-1], text)


def test_a_cough_before_the_first_sound_leaves_no_question_without_an_answer() -> None:
    d = driver()
    d.speak()
    d.heard(d.items()[0], "What time is it?")
    d.text("It is ")
    assert of(coughs(d), "response.created")
    (cancelled, ended) = of(d.events, "response.done")
    assert cancelled["response"]["status"] == "cancelled"
    assert ended["response"]["output"] == []
    d.text("It is ten.")
    d.audio(100)
    d.finish()
    assert of(d.events, "response.done")[-1]["response"]["status"] == "completed"
    assert messages(d) == [("user", "What time is it?")]


def test_a_cough_that_was_guessed_leaves_no_question_unanswered_either() -> None:
    d = driver()
    d.speak(0, 480)
    d.heard(d.items()[0], "What time is it?")
    cough = guessed(d, "(coughs)")
    assert "response.created" not in types(d.decided(SpeechStopped(1504)))
    assert types(d.heard(cough, "(coughs)")) == ["response.created"]
    assert messages(d) == [("user", "What time is it?")]


def test_a_cough_leaves_no_question_unanswered_that_waits_for_its_words() -> None:
    d = driver()
    d.speak()
    (question,) = d.items()
    coughs(d)
    assert d.requests == []
    d.heard(question, "What time is it?")
    assert messages(d) == [("user", "What time is it?")]


def test_words_before_the_first_sound_are_answered_once_with_the_question() -> None:
    d = driver()
    d.speak()
    d.heard(d.items()[0], "What time is it?")
    before = len(d.requests)
    coughs(d, "In Oslo.")
    d.text("Ten.")
    d.audio(100)
    d.finish()
    assert len(d.requests) == before + 1
    assert messages(d) == [("user", "What time is it?"), ("user", "In Oslo.")]
    # A noise behind it brings nothing back.
    d.speak(8000, 8960)
    assert "response.created" not in types(d.heard(d.items()[-1], ""))
    assert len(d.requests) == before + 1


def test_an_answer_that_was_heard_is_not_begun_again_for_a_cough() -> None:
    d = driver()
    d.speak()
    d.heard(d.items()[0], "What time is it?")
    d.text("It is ")
    d.audio(100)
    before = len(d.requests)
    coughs(d)
    assert len(d.requests) == before


def test_who_speaks_again_withdraws_the_turn_that_waits_for_its_words() -> None:
    d = driver()
    item_id = guessed(d, ".")
    d.decided(SpeechStopped(1504))
    d.append(600)
    d.decided(SpeechStarted(1984))
    assert d.heard(item_id, "Stop.") == []


def test_a_deleted_turn_that_waits_for_its_words_is_not_answered() -> None:
    d = driver()
    item_id = guessed(d, ".")
    d.decided(SpeechStopped(1504))
    d.send("conversation.item.delete", item_id=item_id)
    assert d.heard(item_id, "Stop.") == []


def test_a_turn_without_words_that_ended_during_an_answer_is_not_answered_behind_it() -> None:
    d = driver(interrupt_response=False)
    d.say("Hi.")
    d.respond()
    d.speak()
    d.heard(d.items()[-1], "[BLANK_AUDIO]")
    assert "response.created" not in types(d.finish())


def test_a_failed_transcription_is_reported_and_fails_its_response() -> None:
    d = driver()
    d.transcribe()
    d.speak()
    item_id = d.items()[0]
    events = d.report(TurnFailed(item_id, FAILURE))
    assert types(events) == [f"{TRANSCRIPTION}.failed", "response.done"]
    assert events[0]["item_id"] == item_id
    assert events[0]["error"] == {
        "type": "server_error",
        "code": "provider_error",
        "message": "The recogniser is gone.",
    }
    assert events[1]["response"]["status"] == "failed"
    # The next turn works.
    d.speak(2048, 3008)
    d.heard(d.items()[1], "Still there?")
    assert messages(d) == [("user", "Still there?")]
