"""The rules of a translation session (§B.14), without pipelines: what it wants done, and when."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from audio.clip import Clip
from config import ServerConfig
from session.ports import CloseReason, FailureReason, FinishReason
from session.reports import PlaybackDrained, ResponseFinished
from settings.translation import TranslationConfig
from tests.support.puppets import LOUDNESS
from tests.support.translation_driver import TranslationDriver
from translation.session import MANY
from translation.source_audio import AS_SPOKEN, WHOLE_TURNS, Longest
from wire.media import Media

FAILURE = FailureReason("The model is gone.", stage="LLM")
CLOSE = json.dumps({"type": "session.close"})


def update(**audio: object) -> str:
    return json.dumps({"type": "session.update", "session": {"audio": audio}})


def test_the_session_begins_with_its_settings() -> None:
    d = TranslationDriver()
    (created,) = d.events
    assert created["type"] == "session.created"
    assert created["session"] == {
        "id": "sess_1",
        "type": "translation",
        "model": "gpt-realtime-translate",
        "expires_at": 3600,
        "audio": {
            "input": {"transcription": None, "noise_reduction": None},
            "output": {"language": "en"},
        },
    }


def test_a_pause_makes_a_clause_that_is_translated_and_spoken() -> None:
    d = TranslationDriver()
    d.understood(d.utterance(), "Good morning.")
    (request,) = d.requests
    assert request.messages == [{"role": "user", "content": "Good morning."}]
    assert "English" in request.instructions
    d.translates(request, 400)
    assert d.text("session.output_transcript.delta") == "GOOD MORNING."
    assert [(sound.clause_id, len(sound.pcm)) for sound in d.of("Sound")] == [
        (request.response_id, 9600),
        (request.response_id, 9600),
    ]
    # The last word ended before the pause: at 1500 ms less that.
    assert d.of("Sound")[0].elapsed_ms == (1500 - 256) // 200 * 200
    assert [cut.age_ms for cut in d.of("ClauseCut")] == [256]


def test_the_pause_that_ends_a_clause_is_that_of_the_settings() -> None:
    d = TranslationDriver(translation=TranslationConfig(pause_ms=600))
    (detection,) = d.of("SetTurnDetection")
    assert detection.settings.silence_duration_ms == 600
    d.understood(d.utterance(), "One.")
    assert [cut.age_ms for cut in d.of("ClauseCut")] == [600]


def test_speech_goes_on_while_the_translation_is_spoken_and_nothing_interrupts_it() -> None:
    d = TranslationDriver()
    first = d.utterance(500)
    d.understood(first, "One.")
    (request,) = d.requests
    d.speaks(request.response_id, 5000)
    d.append(1000)
    d.starts(1600)
    d.append(1000)
    d.stops(3000)
    d.understood(d.of("HearTurn")[-1].item_id, "Two.")
    assert len(d.requests) == 1
    d.finishes(request.response_id)
    assert [one.messages[-1]["content"] for one in d.requests] == ["One.", "Two."]
    assert d.of("StopGenerating") == []


def test_the_next_clause_knows_the_one_before_and_another_language_does_not() -> None:
    d = TranslationDriver()
    d.understood(d.utterance(), "One. Two. Three.")
    d.translates(d.requests[0])
    assert [message["content"] for message in d.requests[1].messages] == ["One.", "ONE.", "Two."]
    d.send(update(output={"language": "de"}))
    d.translates(d.requests[1])
    assert "German" in d.requests[2].instructions


def test_captions_come_where_the_client_wants_them() -> None:
    d = TranslationDriver()
    d.understood(d.utterance(), "One.")
    assert d.text("session.input_transcript.delta") == ""
    d.send(update(input={"transcription": {"model": "whisper-1"}}))
    d.append(3000)
    d.starts(2000)
    d.stops(3000)
    d.understood(d.of("HearTurn")[-1].item_id, "Two.")
    # What went before the first caption is part of the same text.
    assert d.text("session.input_transcript.delta") == " Two."


def test_noise_reduction_is_that_of_what_is_heard_from_here_on() -> None:
    d = TranslationDriver()
    d.send(update(input={"noise_reduction": {"type": "near_field"}}))
    assert [effect.noise.type for effect in d.of("HearAs")] == ["near_field"]
    d.utterance()
    assert d.of("Transcribe")[0].clip.noise.type == "near_field"
    d.send(update(output={"language": "fr"}))
    assert len(d.of("HearAs")) == 1


@pytest.mark.parametrize(
    "heard", ["", "[BLANK_AUDIO]", "(coughs)", "Thank you for watching!"], ids=str
)
def test_what_recognisers_write_of_noise_is_no_clause(heard: str) -> None:
    d = TranslationDriver()
    d.understood(d.utterance(), heard)
    assert d.requests == []


def test_a_clause_whose_stage_fails_is_named_and_the_next_goes_on() -> None:
    d = TranslationDriver()
    d.understood(d.utterance(), "One. Two.")
    d.fails(d.requests[0].response_id, FAILURE)
    error = d.events[-1]["error"]
    assert (error["type"], error["code"]) == ("server_error", "provider_error")
    assert error["message"] == FAILURE.message
    assert [over.error for over in d.of("ClauseOver")] == [FAILURE]
    assert d.requests[1].messages == [{"role": "user", "content": "Two."}]


@pytest.mark.parametrize(
    ("reason", "words", "told"),
    [
        ("stop", (), "wrote no translation"),
        ("stop", (" ", "\n"), "wrote no translation"),
        ("length", ("Eins und",), "cut short"),
        ("content_filter", (), "kept back"),
    ],
)
def test_what_the_model_leaves_out_is_told_and_the_next_goes_on(
    reason: FinishReason, words: tuple[str, ...], told: str
) -> None:
    d = TranslationDriver()
    d.understood(d.utterance(), "One. Two.")
    clause = d.requests[0].response_id
    d.writes(clause, *words)
    d.report(ResponseFinished(clause, reason, None))
    error = d.events[-1]["error"]
    assert (error["type"], error["code"]) == ("server_error", "provider_error")
    assert told in error["message"]
    assert [over.error.stage for over in d.of("ClauseOver")] == ["LLM"]
    # What was not translated is no example of how to translate.
    assert d.requests[1].messages == [{"role": "user", "content": "Two."}]


def test_an_utterance_that_is_not_recognised_is_named_and_the_next_goes_on() -> None:
    d = TranslationDriver()
    first = d.utterance()
    d.append(2000)
    d.starts(2000)
    d.stops(3000)
    d.understood(d.of("HearTurn")[-1].item_id, "Two.")
    assert d.requests == []
    d.not_understood(first, FailureReason("The recogniser is gone.", stage="STT"))
    assert d.events[-1]["error"]["message"] == "The recogniser is gone."
    assert [one.messages[-1]["content"] for one in d.requests] == ["Two."]


# --- the end -------------------------------------------------------------------------------------


def test_a_close_translates_what_was_said_and_then_ends() -> None:
    d = TranslationDriver()
    d.append(1500)
    d.starts(500)
    d.send(CLOSE)
    (asked,) = d.of("Transcribe")
    assert asked.clip.ms == 1500 - 200
    assert d.closed is None
    d.understood(asked.item_id, "To the last word")
    assert d.closed is None
    d.translates(d.requests[0])
    assert d.events[-1]["type"] == "session.closed"
    assert d.closed is not None
    assert d.closed.reason is CloseReason.CLIENT_DONE


def test_a_close_of_a_silent_session_ends_it_at_once_and_only_once() -> None:
    d = TranslationDriver()
    d.append(1500)
    d.send(CLOSE)
    d.send(CLOSE)
    d.perform(d.session.leave())
    assert [event["type"] for event in d.events] == ["session.created", "session.closed"]
    assert d.closed is not None


def test_what_is_appended_behind_the_close_is_not_heard() -> None:
    d = TranslationDriver()
    d.append(1500)
    d.starts(500)
    d.send(CLOSE)
    assert d.append(1000) == []
    assert d.starts(1600) == []


def test_a_call_is_closed_when_all_was_played() -> None:
    d = TranslationDriver(media=Media.TRACKS)
    d.understood(d.utterance(), "One.")
    d.send(CLOSE)
    request = d.requests[0]
    d.translates(request)
    assert d.closed is None
    d.report(PlaybackDrained("another"))
    assert d.closed is None
    d.report(PlaybackDrained(request.response_id))
    assert d.closed is not None


def test_a_server_that_stops_translates_what_was_said() -> None:
    d = TranslationDriver()
    d.understood(d.utterance(), "One.")
    d.perform(d.session.leave())
    assert d.closed is None
    d.translates(d.requests[0])
    assert d.events[-1]["type"] == "session.closed"
    assert d.closed is not None
    assert d.closed.reason is CloseReason.SERVER_STOPS


def test_a_session_that_is_too_old_says_so_and_ends() -> None:
    d = TranslationDriver(server=ServerConfig(session_limit_minutes=1))
    assert d.session.lifetime_s == 60
    d.perform(d.session.expire())
    assert d.events[-1]["error"]["code"] == "session_expired"
    assert d.closed is not None
    assert d.closed.reason is CloseReason.EXPIRED


def test_a_speaker_far_ahead_of_the_translation_is_slowed() -> None:
    d = TranslationDriver()
    id_ = d.utterance()
    d.understood(id_, "Yes. " * (MANY + 2))
    assert not d.session.has_room
    for _ in range(2):
        d.translates(d.requests[-1])
    assert d.session.has_room


# --- long utterances -----------------------------------------------------------------------------


def test_a_long_utterance_ends_at_a_short_pause_and_the_next_begins_where_it_ended() -> None:
    d = TranslationDriver()
    d.append(700)
    d.starts(500)
    d.append(4300)
    d.hesitates(5000)
    (asked,) = d.of("Transcribe")
    assert asked.clip.ms == 4800
    d.append(100)
    d.resumes(5100)
    begun = d.of("HearTurn")[1]
    assert begun.clip.ms == 100
    assert begun.item_id != asked.item_id


def test_a_pause_that_goes_on_behind_it_makes_no_utterance() -> None:
    d = TranslationDriver()
    d.append(700)
    d.starts(500)
    d.append(4300)
    d.hesitates(5000)
    d.append(200)
    assert d.stops(5150) == []
    assert len(d.of("HearTurn")) == 1


def test_a_short_pause_asks_for_the_words_so_far() -> None:
    d = TranslationDriver()
    d.append(700)
    d.starts(500)
    d.append(1300)
    d.hesitates(2000)
    d.append(100)
    d.resumes(2100)
    assert [effect.clip.ms for effect in d.of("GuessTurn") + d.of("ResumeTurn")] == [1800, 1900]


@pytest.mark.parametrize("longest", [WHOLE_TURNS, AS_SPOKEN], ids=["whole turns", "as spoken"])
def test_speech_without_any_pause_is_cut_in_the_end(longest: Longest) -> None:
    d = TranslationDriver(longest)
    d.append(600)
    d.starts(500)
    for _ in range(0, 2 * longest.hard_ms, 100):
        d.append(100)
    assert len(d.of("Transcribe")) in (1, 2)
    assert all(
        longest.hard_ms - longest.back_ms <= asked.clip.ms <= longest.hard_ms + 100
        for asked in d.of("Transcribe")
    )


SLICE = 100


@pytest.mark.parametrize("seed", range(60))
def test_wherever_pauses_are_found_every_word_is_translated_once_and_in_order(seed: int) -> None:
    """Audio carries numbers; the recogniser reads those of a clip, and answers in any order."""
    chance = random.Random(seed)
    longest = Longest(soft_ms=chance.choice([600, 2000]), hard_ms=3000, back_ms=500)
    d = TranslationDriver(longest)
    said: list[str] = []
    speaking = hesitating = False
    due: list[tuple[str, str]] = []
    asked = 0
    for number in range(1, 120):
        written = (number - 1) * SLICE
        voiced = chance.random() < 0.8
        d.append((number * LOUDNESS if voiced else 0).to_bytes(2, "little") * 2400)
        if voiced:
            said.append(str(number))
        if voiced and not speaking:
            d.starts(written)
            speaking, hesitating = True, False
        elif voiced and hesitating:
            d.resumes(written)
            hesitating = False
        elif speaking and not voiced and hesitating:
            d.stops(written + SLICE)
            speaking = hesitating = False
        elif speaking and not voiced:
            d.hesitates(written + SLICE)
            hesitating = True
        for one in d.of("Transcribe")[asked:]:
            due.append((one.item_id, numbers(one.clip)))
            asked += 1
        while due and chance.random() < 0.3:
            d.understood(*due.pop(chance.randrange(len(due))))
        if chance.random() < 0.3:
            finish(d)
    d.send(CLOSE)
    due += [(one.item_id, numbers(one.clip)) for one in d.of("Transcribe")[asked:]]
    for one in due:
        d.understood(*one)
    while not d.closed:
        finish(d)
    assert d.text("session.output_transcript.delta").split() == said


def numbers(clip: Clip) -> str:
    """Return the numbers in a clip; one of which less than half is there is none."""
    levels = np.frombuffer(clip.audio, dtype="<i2") // LOUDNESS
    counts = {level: int((levels == level).sum()) for level in dict.fromkeys(levels.tolist())}
    return " ".join(str(level) for level, samples in counts.items() if level and samples > 1200)


def finish(d: TranslationDriver) -> None:
    """Let the clause that is being translated be spoken."""
    over = {one.clause_id for one in d.of("ClauseOver")}
    for request in d.requests:
        if request.response_id not in over:
            d.translates(request)
