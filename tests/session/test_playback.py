"""The playback of a call's answers (§A.11, B.5): what sounds, stops, and counts as heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import LimitsConfig
from session.decisions import SpeechStarted, SpeechStopped
from session.effects import Close, RehearTurn
from session.ports import CloseReason
from tests.support.call_driver import CallDriver
from tests.support.session_driver import Driver, of, types

WORDS = "One two three four five six seven eight nine ten."


@pytest.fixture
def call() -> CallDriver:
    return CallDriver()


def model_reads(call: CallDriver) -> list[str]:
    """What the model is given of the conversation by the next response."""
    call.respond()
    messages = call.requests[-1].messages
    return [m["content"] for m in messages if m["role"] == "assistant"]


def test_started_when_the_first_leaves_and_stopped_when_all_was_played(call: CallDriver) -> None:
    response = call.begin(WORDS, 1000)
    assert types(call.starts(response)) == ["output_audio_buffer.started"]
    assert call.drains(response) == []
    call.audio(1000)
    assert "output_audio_buffer.stopped" not in types(call.finish())
    (stopped,) = call.drains(response)
    assert (stopped["type"], stopped["response_id"]) == ("output_audio_buffer.stopped", response)


def test_stopped_comes_behind_done_if_the_sound_ended_first(call: CallDriver) -> None:
    response = call.begin(WORDS, 1000)
    call.starts(response)
    call.drains(response)
    sent = types(call.finish())
    assert sent.index("response.done") + 1 == sent.index("output_audio_buffer.stopped")


def test_speech_interrupts_what_is_made_and_sounds(call: CallDriver) -> None:
    response = call.begin(WORDS, 2000)
    call.starts(response)
    call.append(600)
    call.plays(response, 500)
    sent = call.interrupts(500)
    assert types(sent) == [
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
        "conversation.item.truncated",
    ]
    assert sent[-1]["audio_end_ms"] == 500
    assert of(sent, "response.done")[0]["response"]["status_details"]["reason"] == "turn_detected"
    assert call.silenced == 1


def test_speech_interrupts_an_answer_that_is_over_and_still_sounds(call: CallDriver) -> None:
    response = call.begin(WORDS, 2000)
    call.starts(response)
    call.finish()
    call.append(600)
    call.plays(response, 1000)
    sent = call.interrupts(500)
    assert types(sent) == [
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
    ]
    assert sent[-1]["audio_end_ms"] == 1000
    assert call.drains(response) == []
    (heard,) = model_reads(call)
    assert heard
    assert WORDS.startswith(heard)
    assert len(heard) <= len(WORDS) / 2


def test_speech_after_the_sound_interrupts_nothing(call: CallDriver) -> None:
    response = call.begin(WORDS, 1000)
    call.starts(response)
    call.finish()
    call.drains(response)
    call.append(600)
    assert types(call.decided(SpeechStarted(500))) == ["input_audio_buffer.speech_started"]
    assert model_reads(call) == [WORDS]


def test_an_item_that_was_made_and_not_begun_is_truncated_at_nothing(call: CallDriver) -> None:
    first = call.begin("First.", 1000)
    call.starts(first)
    call.finish()
    second = call.begin("Second.", 1000)
    call.finish()
    call.append(600)
    call.plays(first, 300)
    call.plays(second, 0)
    sent = call.interrupts(500)
    cut = {e["item_id"]: e["audio_end_ms"] for e in of(sent, "conversation.item.truncated")}
    assert cut == {call.item_of(first): 300, call.item_of(second): 0}
    cleared = of(sent, "output_audio_buffer.cleared")
    assert [event["response_id"] for event in cleared] == [first]


def test_speech_that_is_not_to_interrupt_lets_it_sound(call: CallDriver) -> None:
    call.turn_detection(interrupt_response=False)
    response = call.begin(WORDS, 2000)
    call.starts(response)
    call.append(600)
    assert types(call.decided(SpeechStarted(500))) == ["input_audio_buffer.speech_started"]
    assert call.silenced == 0


def test_the_client_cancels_and_what_was_made_sounds_on(call: CallDriver) -> None:
    response = call.begin(WORDS, 2500)
    call.starts(response)
    call.plays(response, 200)
    assert "output_audio_buffer.cleared" not in types(call.send("response.cancel"))
    assert call.silenced == 0
    assert types(call.drains(response)) == ["output_audio_buffer.stopped"]
    assert model_reads(call) == [WORDS]


def test_the_client_clears_and_the_rest_is_not_heard(call: CallDriver) -> None:
    response = call.begin(WORDS, 1000)
    call.starts(response)
    call.plays(response, 400)
    sent = call.send("output_audio_buffer.clear")
    assert types(sent) == ["output_audio_buffer.cleared", "conversation.item.truncated"]
    assert sent[-1]["audio_end_ms"] == 400
    before = call.given_ms
    call.audio(1000)
    assert call.given_ms == before
    assert "response.done" in types(call.finish())
    after = call.begin("Again.", 1000)
    assert call.given_ms > before
    assert types(call.starts(after)) == ["output_audio_buffer.started"]


def test_clear_says_nothing_when_nothing_sounds(call: CallDriver) -> None:
    assert call.send("output_audio_buffer.clear") == []
    assert call.silenced == 0


def test_what_the_client_truncated_is_not_truncated_again(call: CallDriver) -> None:
    response = call.begin(WORDS, 2000)
    call.starts(response)
    call.finish()
    place = {"item_id": call.item_of(response), "content_index": 0}
    call.send("conversation.item.truncate", **place, audio_end_ms=500)
    call.append(600)
    call.plays(response, 800)
    sent = call.interrupts(500)
    assert types(sent)[1:] == ["output_audio_buffer.cleared"]


def test_silence_is_measured_from_the_end_of_the_sound(call: CallDriver) -> None:
    call.turn_detection(idle_timeout_ms=5000)
    response = call.begin(WORDS, 2000)
    call.starts(response)
    call.finish()
    assert call.append(9000) == []
    call.drains(response)
    assert call.append(4900) == []
    assert "input_audio_buffer.timeout_triggered" in types(call.append(200))


def test_audio_comes_by_the_track_alone(call: CallDriver) -> None:
    (error,) = call.send("input_audio_buffer.append", audio="AAAA")
    assert error["error"]["code"] == "invalid_value"
    assert "track" in error["error"]["message"]


def test_formats_are_shown_as_set_and_the_codec_rules(call: CallDriver) -> None:
    pcmu = {"format": {"type": "audio/pcmu"}}
    (updated,) = call.update(audio={"input": pcmu, "output": pcmu})
    assert updated["session"]["audio"]["output"]["format"] == {"type": "audio/pcmu"}
    call.begin(WORDS, 1000)
    call.finish()
    assert call.given_ms == 1000


def test_a_turn_that_the_client_never_commits_keeps_its_end() -> None:
    call = CallDriver(limits=LimitsConfig(buffered_audio_s=10))
    call.manual()
    assert call.append(60_000) == []
    assert call.kind(RehearTurn)
    assert 5000 <= call.inside.buffer.open_ms <= 10_000
    committed = call.send("input_audio_buffer.commit")
    assert types(committed)[0] == "input_audio_buffer.committed"


def test_a_websocket_knows_nothing_of_it() -> None:

    driver = Driver()
    (error,) = driver.send("output_audio_buffer.clear")
    assert error["error"]["code"] == "invalid_value"
    assert error["error"]["param"] == "type"
    assert "output_audio_buffer.clear" not in error["error"]["message"].split("Supported")[1]


class _Ear:
    """A peer that plays what it is given, and reports it."""

    def __init__(self, call: CallDriver) -> None:
        self._call = call
        self._taken = 0
        self._silenced = 0
        self._queue: list[tuple[str, str, float]] = []
        self._heard: dict[str, float] = {}
        self._started: set[str] = set()

    def _sync(self) -> None:
        if self._call.silenced > self._silenced:
            self._silenced = self._call.silenced
            # What was given before the order to be silent is dropped.
            self._taken = len(self._call.given)
            self._queue.clear()
        for one in self._call.given[self._taken :]:
            self._queue.append((one.response_id, one.item_id, len(one.audio) / 48))
        self._taken = len(self._call.given)

    def play(self) -> None:
        """Play the next piece."""
        self._sync()
        if not self._queue:
            return
        response, item, ms = self._queue.pop(0)
        if response not in self._started:
            self._started.add(response)
            self._call.starts(response)
        self._heard[item] = self._heard.get(item, 0) + ms
        if all(other != response for other, *_ in self._queue):
            self._call.drains(response)

    def tell(self) -> None:
        """Say what of each item that waits or plays was heard."""
        self._sync()
        for _, item, _ms in self._queue:
            self._call.session.played(item, self._heard.get(item, 0))


MOVES = ["begin", "audio", "finish", "cancel", "speak", "murmur", "clear", "play"]


@given(st.lists(st.sampled_from(MOVES)))
def test_whatever_happens_each_sound_that_starts_ends_once(moves: list[str]) -> None:
    call = CallDriver()
    ear = _Ear(call)
    at_ms = 0
    for move in [*moves, "finish", *["play"] * len(moves)]:
        ear.tell()
        active = bool(call.requests) and call.is_active(call.running)
        match move:
            case "begin" if not active:
                call.begin(WORDS, 500)
            case "audio" if active:
                call.audio(500)
            case "finish" if active:
                call.finish()
            case "cancel" if active:
                call.send("response.cancel")
            case "clear":
                call.send("output_audio_buffer.clear")
            case "speak" | "murmur":
                call.append(1024)
                at_ms += 1024
                call.decided(SpeechStarted(at_ms - 1000))
                turn = call.inside.buffer.open
                assert turn is not None
                call.decided(SpeechStopped(at_ms))
                call.heard(turn.item_id, "Hi." if move == "speak" else "Uh-huh.")
            case "play":
                ear.play()
    sounds: dict[str, list[str]] = {}
    for event in call.events:
        if event["type"].startswith("output_audio_buffer."):
            sounds.setdefault(event["response_id"], []).append(event["type"].rpartition(".")[2])
    for told in sounds.values():
        assert told in (["started", "stopped"], ["started", "cleared"])
    cut = [event["item_id"] for event in of(call.events, "conversation.item.truncated")]
    assert len(cut) == len(set(cut))


def test_a_session_that_is_to_end_ends_when_the_sound_does(call: CallDriver) -> None:
    response = call.begin(WORDS, 2000)
    call.starts(response)
    call.finish()
    call.perform(call.session.leave())
    assert call.kind(Close) == []
    assert types(call.drains(response)) == ["output_audio_buffer.stopped"]
    assert call.kind(Close) == [Close(CloseReason.SERVER_STOPS, "The server is shutting down.")]
