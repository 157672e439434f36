"""§B.12: an answer to a user who stays silent for too long."""

from __future__ import annotations

from config import LimitsConfig
from session.decisions import SpeechHesitated, SpeechStarted, SpeechStopped
from session.ports import SILENCE
from session.reports import TurnGuessed
from tests.conformance.sequences import committed, created
from tests.support.session_driver import Driver, of, session_config, types
from tests.support.strict_reader import Event


def quiet(driver: Driver, ms: int) -> list[Event]:
    events: list[Event] = []
    for _ in range(ms // 100):
        events += driver.append(100)
    return events


def idle_driver() -> Driver:
    driver = Driver()
    driver.turn_detection(idle_timeout_ms=5000)
    driver.say("hi")
    driver.respond()
    return driver


def test_silence_after_the_played_answer_is_answered_in_the_order_of_b12():
    driver = idle_driver()
    driver.text("Hello.")
    driver.audio(2000)
    driver.finish()
    # The timer starts when the client has played the two seconds it got.
    assert quiet(driver, 6900) == []
    driver.named(driver.events)
    start_ms, end_ms = 2000 // 32 * 32, 7000 // 32 * 32
    assert driver.named(quiet(driver, 200)) == [
        {
            "type": "input_audio_buffer.timeout_triggered",
            "audio_start_ms": start_ms,
            "audio_end_ms": end_ms,
            "item_id": "item_3",
        },
        *committed("item_3", "item_2"),
        created(id="resp_2"),
    ]
    assert driver.requests[-1].messages[-1] == {"role": "user", "content": SILENCE}


def test_a_cough_that_makes_no_response_only_begins_the_silence_anew():
    driver = idle_driver()
    driver.answer(ms=0)
    quiet(driver, 3000)
    (begun,) = of(driver.decided(SpeechStarted(2784)), "input_audio_buffer.speech_started")
    driver.decided(SpeechHesitated(2880))
    driver.report(TurnGuessed(begun["item_id"], "(coughs)"))
    driver.decided(SpeechStopped(2976))
    driver.heard(begun["item_id"], "(coughs)")
    assert quiet(driver, 4900) == []
    assert "response.created" in types(quiet(driver, 200))


def test_responses_beside_the_conversation_do_not_stand_in_its_way():
    driver = Driver(session_config(limits=LimitsConfig(responses=1)))
    driver.turn_detection(idle_timeout_ms=5000)
    driver.say("hi")
    driver.respond()
    driver.answer(ms=0)
    driver.respond(conversation="none")
    assert "response.created" in types(quiet(driver, 5100))


def test_the_timer_fires_once_per_silence_and_is_armed_again_by_the_next_answer():
    driver = idle_driver()
    driver.answer(ms=0)
    assert "response.created" in types(quiet(driver, 5100))
    assert quiet(driver, 20000) == []
    driver.answer(ms=0)
    assert "response.created" in types(quiet(driver, 5100))


def test_speech_disarms_the_timer():
    driver = idle_driver()
    driver.answer(ms=0)
    driver.append(3000)
    driver.decided(SpeechStarted(2900))
    assert quiet(driver, 9000) == []


def test_silence_that_was_appended_while_the_client_committed_turns_counts():
    driver = idle_driver()
    driver.answer(ms=0)
    driver.manual()
    assert quiet(driver, 6000) == []
    events = driver.turn_detection(idle_timeout_ms=5000)
    assert types(events)[:2] == ["session.updated", "input_audio_buffer.timeout_triggered"]
    assert (events[1]["audio_start_ms"], events[1]["audio_end_ms"]) == (0, 4992)
    assert "response.created" in types(events)


def test_no_timer_without_the_setting():
    driver = Driver()
    driver.respond()
    driver.answer(ms=0)
    assert quiet(driver, 40000) == []
