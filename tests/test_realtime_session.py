"""Whatever clients, detectors, recognisers and pipelines do, the ordering of §B holds.

Hypothesis interleaves legal and illegal client events with reports of every stage; the observer
of `ordering.py` follows what the client sees.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any, Literal, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import TurnsConfig, VADConfig
from protocol import CLIENT_EVENTS, TRANSCRIPTION_EVENTS
from realtime_session import RealtimeSession
from session.decisions import SpeechPersisted, SpeechStarted, SpeechStopped
from session.effects import (
    ForgetTurn,
    Generate,
    HearAgain,
    HearTurn,
    RehearTurn,
    ResetTurnDetection,
    Send,
    SetTurnDetection,
    StopGenerating,
    Transcribe,
)
from session.items import FunctionCall
from session.ports import FailureReason, TokenUsage, Transcript
from session.reports import (
    OutputMade,
    ResponseFailed,
    ToolCallMade,
    TurnFailed,
    TurnGuessed,
    TurnSoFar,
    TurnUnderstood,
)
from tests.support.ordering import Observer
from tests.support.session_driver import Driver, encoded, of, pcm, session_config, types, written
from tests.support.strict_reader import Event
from wire.client_events import SessionEvent

FAILURE = FailureReason("It is gone.")
ENDED = ("response.done", "rate_limits.updated")
Op = tuple[Any, ...]


class World:
    """A session and everything around it; each operation is one thing that happens to it."""

    def __init__(self, interruptions: Literal["words", "any"] = "any", rejoin_ms: int = 0) -> None:
        self.driver = Driver(
            session_config(
                vad=VADConfig(silence_duration_ms=200),
                turns=TurnsConfig(interruptions=interruptions, rejoin_ms=rejoin_ms),
            )
        )
        self.joins = rejoin_ms > 0
        """Whether a turn may be the end of the one before it."""
        self.contests = interruptions == "words" or self.joins
        """Whether a turn may be announced later than it is heard, or never."""
        self.observer = Observer()
        self.effect = 0
        self.number = 0
        self.detecting = True
        self.speaking = False
        self.last_ms = 0
        """No onset lies before this: the last decision, or the last reset."""
        self.calls: dict[str, int] = {}
        self.generating: dict[str, bool] = {}
        """Response → whether it is still wanted."""
        self.made: set[str] = set()
        """Responses of which all output was reported as made."""
        self.hearing: str | None = None
        self.untranscribed: list[str] = []
        self.catch_up()

    def prepare(self) -> None:
        """Start where there is something to answer."""
        self.update({"audio": {"input": {"transcription": {"model": "whisper-1"}}}})
        self.create(items[0], 0, None)
        self.respond({}, None)

    def catch_up(self) -> list[Event]:
        """Look at what happened since; return the events."""
        events = []
        for effect in self.driver.effects[self.effect :]:
            match effect:
                case Send(event):
                    read = written(event.wire())
                    self.observer.see(read)
                    events.append(read)
                case SetTurnDetection(found):
                    self.detecting = found is not None
                    self.speaking = self.speaking and self.detecting
                    self.last_ms = max(self.last_ms, self.now_ms)
                case HearAgain(speaking=speaking):
                    self.speaking = speaking
                    assert speaking == (self.driver.inside.buffer.open is not None)
                case RehearTurn(item_id=item_id, clip=clip):
                    assert self.hearing == item_id
                    assert clip.audio
                case ResetTurnDetection():
                    self.speaking = False
                    self.last_ms = max(self.last_ms, self.now_ms)
                case HearTurn(item_id=item_id, clip=clip):
                    assert self.hearing is None
                    assert clip.audio
                    self.hearing = item_id
                case ForgetTurn(item_id):
                    if self.contests and item_id in self.untranscribed:
                        self.untranscribed.remove(item_id)
                        continue
                    assert self.hearing in (item_id, None if self.contests else item_id)
                    self.hearing = None
                case Transcribe(item_id=item_id, clip=clip):
                    assert self.hearing == item_id or self.joins
                    assert len(clip.audio) % 2 == 0
                    if self.hearing == item_id:
                        self.hearing = None
                    self.untranscribed.append(item_id)
                case Generate(request):
                    assert request.response_id in self.observer.active
                    assert request.response_id not in self.generating
                    self.generating[request.response_id] = True
                case StopGenerating(response_id):
                    assert response_id not in self.observer.active
                    assert self.generating.pop(response_id, True), "stopped twice"
                    self.generating[response_id] = False
        self.effect = len(self.driver.effects)
        assert self.observer.order == self.driver.items(), "the client sees another conversation"
        assert set(self.observer.active) == {
            response_id
            for response_id in self.observer.active
            if self.driver.is_active(response_id)
        }
        return events

    @property
    def now_ms(self) -> int:
        """Where the detector's grid is."""
        return int(self.driver.inside.buffer.written_ms) // 32 * 32

    # --- choosing ---

    def some_id(self, choice: int) -> str:
        """An item of the conversation, or one that never was."""
        known = [*self.driver.items(), "nobody"]
        return known[choice % len(known)]

    def some_response(self, choice: int) -> str | None:
        """A response that was ever generated: mostly one that runs, at times one that is over."""
        running = [response_id for response_id, wanted in self.generating.items() if wanted]
        known = running if running and choice < 6 else list(self.generating)
        return known[choice % len(known)] if known else None

    def call_id(self, choice: int) -> str:
        known: list[str] = [
            item.call_id
            for item in self.driver.inside.conversation
            if isinstance(item, FunctionCall)
        ]
        known.append("call_nobody")
        return known[choice % len(known)]

    # --- what happens ---

    def do(self, op: Op) -> None:
        name, *arguments = op
        getattr(self, name)(*arguments)

    def send(self, type_: str, **fields: Any) -> list[Event]:
        """A client event: answered as a whole, or refused by one error that names it."""
        self.number += 1
        event_id = f"client_{self.number}"
        before = self.driver.state()
        self.driver.send(type_, event_id=event_id, **fields)
        events = self.catch_up()
        if "error" in types(events):
            (error,) = events
            assert error["error"]["event_id"] == event_id
            assert self.driver.state() == before, "a refused event was applied"
        return events

    def append(self, size: int) -> None:
        events = self.send("input_audio_buffer.append", audio=encoded(pcm(400)[:size]))
        assert events == []

    def commit(self) -> None:
        self.send("input_audio_buffer.commit")

    def clear(self) -> None:
        events = types(self.send("input_audio_buffer.clear"))
        assert events[0] == "input_audio_buffer.cleared"
        # Of a turn that went on, only its first piece is left, and may be answered now.
        assert events[1:] == [] or (self.joins and events[1:] == ["response.created"])

    def update(self, session: dict[str, Any]) -> None:
        events = self.send("session.update", session={"type": "realtime", **session})
        assert types(events) in (["session.updated"], ["error"])

    def create(self, item: dict[str, Any], choice: int, previous: int | str | None) -> None:
        item = dict(item)
        if item["type"] == "function_call_output":
            item["call_id"] = self.call_id(choice)
        after = self.some_id(previous) if isinstance(previous, int) else previous
        before = self.driver.items()
        events = self.send("conversation.item.create", item=item, previous_item_id=after)
        if types(events) != ["error"]:
            assert types(events) == ["conversation.item.added", "conversation.item.done"]
            real = events[0]["previous_item_id"]
            assert real == {None: before[-1] if before else None, "root": None}.get(after, after)

    def retrieve(self, choice: int) -> None:
        item_id = self.some_id(choice)
        (event,) = self.send("conversation.item.retrieve", item_id=item_id)
        assert (event["type"] == "error") == (item_id == "nobody")

    def delete(self, choice: int) -> None:
        item_id = self.some_id(choice)
        events = self.send("conversation.item.delete", item_id=item_id)
        assert types(events)[0] == ("error" if item_id == "nobody" else "conversation.item.deleted")

    def truncate(self, choice: int, ms: int, index: int) -> None:
        spoken = [item.id for item in self.driver.inside.conversation if item.audio_ms]
        events = self.send(
            "conversation.item.truncate",
            item_id=spoken[choice % len(spoken)] if spoken and choice < 6 else self.some_id(choice),
            content_index=index,
            audio_end_ms=ms,
        )
        assert types(events) in (["conversation.item.truncated"], ["error"])

    def respond(self, response: dict[str, Any], choice: int | None) -> None:
        response = dict(response)
        if choice is not None:
            response["input"] = [{"type": "item_reference", "id": self.some_id(choice)}]
        events = self.send("response.create", response=response)
        first = next(type_ for type_ in types(events) if type_ not in ENDED)
        assert first in ("response.created", "error")

    def cancel(self, choice: int | None) -> None:
        fields = {} if choice is None else {"response_id": self.some_response(choice) or "nobody"}
        events = self.send("response.cancel", **fields)
        if types(events) != ["error"]:
            (done,) = of(events, "response.done")
            whole = done["response"]["id"] in self.made
            cancelled = {"type": "cancelled", "reason": "client_cancelled"}
            assert done["response"]["status_details"] == (None if whole else cancelled)

    def nonsense(self, frame: str) -> None:
        before = self.driver.state()
        self.driver.raw(frame)
        (error,) = self.catch_up()
        assert error["type"] == "error"
        assert self.driver.state() == before

    def speech(self, spurious: bool) -> None:
        """The detector decides, as it does: on its grid, never back in time."""
        now = self.now_ms
        detection = self.driver.inside.config.turn_detection
        active = [r.id for r in self.observer.active.values() if r.in_conversation]
        # Of what was made, nothing is left to cancel.
        interrupted = [one for one in active if one not in self.made]
        if (not self.speaking) != spurious:
            onset = now - 96
            if onset < self.last_ms:
                return
            self.speaking = self.detecting
            self.driver.decided(SpeechStarted(onset))
            events = self.catch_up()
            if self.contests:
                self.last_ms = max(self.last_ms, onset)
                return
            if detection is None or not events:
                assert events == []
                return
            self.last_ms = onset
            padding_ms = detection.prefix_padding_ms
            assert events[0]["type"] == "input_audio_buffer.speech_started"
            assert events[0]["audio_start_ms"] >= max(0, onset - padding_ms)
            stopped = [event["response"]["id"] for event in of(events, "response.done")]
            assert stopped == (interrupted if detection.interrupt_response else [])
            for done in of(events, "response.done"):
                assert done["response"]["status_details"]["reason"] == "turn_detected"
            assert of(events, "response.created") == []
        elif now > self.last_ms:
            self.speaking = False
            was_open = self.driver.inside.buffer.open is not None
            self.driver.decided(SpeechStopped(now))
            events = self.catch_up()
            if self.contests:
                self.last_ms = max(self.last_ms, now)
                return
            if detection is None or not was_open:
                assert events == []
                return
            self.last_ms = now
            expected = [
                "input_audio_buffer.speech_stopped",
                "input_audio_buffer.committed",
                "conversation.item.added",
                "conversation.item.done",
            ]
            if detection.create_response and not interrupted:
                expected += [*(ENDED if active else ()), "response.created"]
            assert types(events) == expected

    def persists(self, voiced_ms: int) -> None:
        """The detector tells of a window of speech, as it is asked to while a turn is contested."""
        if self.speaking:
            self.driver.decided(SpeechPersisted(self.now_ms, voiced_ms, -20, 0.99))
            self.catch_up()

    def guesses(self, text: str, asked: bool) -> None:
        """The recogniser tells what was said so far in the turn in progress."""
        turn = self.driver.inside.buffer.open
        if turn is not None:
            told = TurnGuessed(turn.item_id, text) if asked else TurnSoFar(turn.item_id, text)
            self.driver.report(told)
            self.catch_up()

    def turn(self, text: str | None) -> None:
        """A whole turn is spoken and, unless the recogniser is slow, understood."""
        self.append(19_200)
        self.speech(False)
        self.append(19_200)
        self.speech(False)
        if text is not None:
            self.recognise(-1, text)

    def recognise(self, choice: int, text: str | None) -> None:
        if not self.untranscribed:
            return
        item_id = self.untranscribed[choice % len(self.untranscribed)]
        self.driver.report(
            TurnFailed(item_id, FAILURE)
            if text is None
            else TurnUnderstood(item_id, Transcript(text))
        )
        self.catch_up()

    def report(self, choice: int, signal: str, argument: Any) -> None:
        """A pipeline reports, perhaps of a response that is over."""
        response_id = self.some_response(choice)
        if response_id is None:
            return
        over = response_id not in self.observer.active
        driver = self.driver
        match signal:
            case "text":
                driver.text(argument, response_id)
            case "audio":
                driver.audio(argument, response_id)
            case "speaking":
                driver.speaking(argument, response_id)
            case "call":
                fresh, arguments = argument
                if fresh or response_id not in self.calls:
                    self.calls[response_id] = self.calls.get(response_id, -1) + 1
                index = self.calls[response_id]
                call_id = f"call_{list(self.generating).index(response_id)}_{index}"
                driver.report(ToolCallMade(response_id, index, call_id, "f", arguments))
            case "made":
                self.made.add(response_id)
                driver.report(OutputMade(response_id))
            case "finished":
                driver.finish(argument, TokenUsage(3, 2), response_id)
            case "failed":
                driver.report(ResponseFailed(response_id, FAILURE))
        events = self.catch_up()
        # Nothing of a response that is over; its neighbours are left alone.
        assert not over or events == []
        others = {event.get("response_id", response_id) for event in events}
        assert others <= {response_id}

    def settle(self) -> None:
        """Everything that is under way comes to its end."""
        for _ in range(len(self.untranscribed) + len(self.generating) + 5):
            for item_id in self.untranscribed:
                self.driver.heard(item_id, "at last")
                self.catch_up()
            for response_id, wanted in list(self.generating.items()):
                if wanted:
                    self.driver.finish(response_id=response_id)
                    self.catch_up()
        self.observer.end()


choices = st.integers(0, 7)
parts = [{"type": "input_text", "text": "x"}]
items: list[dict[str, Any]] = [
    {"type": "message", "role": "user", "content": parts},
    {"type": "message", "role": "user", "content": parts, "id": "mine"},
    {"type": "message", "role": "system", "content": parts, "id": "i" * 32},
    {"type": "message", "role": "system", "content": [], "id": "i" * 33},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "y"}]},
    {"type": "message", "role": "assistant", "content": parts},
    {"type": "function_call", "name": "f", "arguments": "{}"},
    {"type": "function_call", "name": "f", "arguments": "{}", "id": "mine", "call_id": "c"},
    {"type": "function_call_output", "output": "1"},
    {"type": "item_reference", "id": "mine"},
]
vad = {"type": "server_vad"}
updates: list[dict[str, Any]] = [
    {},
    {"instructions": "New."},
    {"output_modalities": ["text"]},
    {"output_modalities": ["audio"]},
    {"output_modalities": ["audio", "text"], "instructions": "Not applied."},
    {"audio": {"output": {"voice": "cedar"}}},
    {"audio": {"output": {"voice": "alloy"}}, "max_output_tokens": 9},
    {"audio": {"input": {"transcription": {"model": "whisper-1"}}}},
    {"audio": {"input": {"transcription": None}}},
    {"audio": {"input": {"turn_detection": None}}},
    {"audio": {"input": {"turn_detection": vad}}},
    {"audio": {"input": {"turn_detection": {**vad, "interrupt_response": False}}}},
    {"audio": {"input": {"turn_detection": {**vad, "interrupt_response": True}}}},
    {"audio": {"input": {"turn_detection": {**vad, "create_response": False}}}},
    {"audio": {"input": {"turn_detection": {**vad, "create_response": True}}}},
    {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}},
]
responses: list[dict[str, Any]] = [
    {},
    {"output_modalities": ["text"], "metadata": {"a": "b"}},
    {"conversation": "none"},
    {"conversation": "none", "output_modalities": ["text"]},
    {"audio": {"output": {"voice": "cedar"}}},
    {"temperature": 1},
]
frames = ["", "{", "[]", "null", '{"type":"nope"}', '{"type":5}', '{"event_id":7}']
pieces = [
    st.tuples(st.just("text"), st.sampled_from(["One", " two ", "", "三"])),
    st.tuples(st.just("audio"), st.sampled_from([20, 100, 400, 0])),
    st.tuples(st.just("call"), st.tuples(st.booleans(), st.sampled_from(["{", '"a":1}', ""]))),
    st.tuples(st.just("speaking"), st.sampled_from(["One", "two"])),
]
ends = [
    st.tuples(
        st.just("finished"), st.sampled_from(["stop", "tool_calls", "length", "content_filter"])
    ),
    st.tuples(st.just("failed"), st.none()),
    st.tuples(st.just("made"), st.none()),
]
client = st.one_of(
    st.tuples(st.just("append"), st.sampled_from([1, 2, 961, 4800, 19_200])),
    st.tuples(st.just("commit")),
    st.tuples(st.just("clear")),
    st.tuples(st.just("update"), st.sampled_from(updates)),
    st.tuples(
        st.just("create"),
        st.sampled_from(items),
        choices,
        st.one_of(st.none(), st.just("root"), choices),
    ),
    st.tuples(st.just("retrieve"), choices),
    st.tuples(st.just("delete"), choices),
    st.tuples(
        st.just("truncate"),
        choices,
        st.sampled_from([10, 0, 50, 100, 5000, -1]),
        st.sampled_from([0, 0, 0, 1]),
    ),
    st.tuples(st.just("cancel"), st.one_of(st.none(), choices)),
    st.tuples(st.just("nonsense"), st.sampled_from(frames)),
)
wanted = st.tuples(
    st.just("respond"), st.sampled_from(responses), st.sampled_from([None, None, 0, 1, 5])
)
heard = st.tuples(st.just("recognise"), choices, st.sampled_from(["Hello.", None, "", "Yes."]))
spoken = st.one_of(
    st.tuples(st.just("turn"), st.sampled_from(["Hello.", None, "Yes."])),
    st.just(("append", 19_200)),
    st.tuples(st.just("speech"), st.sampled_from([False, False, False, True])),
)
# What happens how often: pipelines report far more often than clients ask and users speak.
sources = [client] * 5 + [spoken] * 2 + [heard] * 2 + [wanted] * 3
reports = pieces * 3 + ends


@st.composite
def operations(draw: st.DrawFn) -> Op:
    number = draw(st.integers(0, len(sources) + len(reports) - 1))
    if number >= len(reports):
        return draw(sources[number - len(reports)])
    return ("report", draw(choices), *draw(reports[number]))


contested = st.one_of(
    spoken,
    st.tuples(st.just("persists"), st.sampled_from([96, 224, 352, 640, 0])),
    st.tuples(st.just("guesses"), st.sampled_from(["Yeah", "", "Stop", "I"]), st.booleans()),
    st.just(("recognise", -1, "Uh-huh.")),
)

REACHED = {
    "error",
    "session.created",
    "session.updated",
    "rate_limits.updated",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.deleted",
    "conversation.item.retrieved",
    "conversation.item.truncated",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.input_audio_transcription.failed",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "input_audio_buffer.cleared",
    "response.created",
    "response.done",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
}
"""All that the core can send."""


def test_the_ordering_holds_whatever_happens() -> None:
    reached: set[str] = set()

    @given(st.lists(operations(), min_size=20, max_size=80))
    @settings(deadline=None, derandomize=True, max_examples=150)
    def run(happenings: list[Op]) -> None:
        world = World()
        world.prepare()
        for op in happenings:
            world.do(op)
        world.settle()
        reached.update(types(world.driver.events))

    run()
    assert reached == REACHED


@given(st.lists(st.one_of(operations(), contested), min_size=20, max_size=80))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_the_ordering_holds_whoever_has_the_floor(happenings: list[Op]) -> None:
    world = World("words")
    world.prepare()
    for op in happenings:
        world.do(op)
    world.settle()


@pytest.mark.parametrize("interruptions", ["words", "any"])
def test_the_ordering_holds_whichever_turns_go_on(interruptions: Literal["words", "any"]) -> None:
    replaced = 0

    @given(st.lists(st.one_of(operations(), contested), min_size=20, max_size=80))
    @settings(deadline=None, derandomize=True, max_examples=60)
    def run(happenings: list[Op]) -> None:
        nonlocal replaced
        world = World(interruptions, 1200)
        world.prepare()
        for op in happenings:
            world.do(op)
        world.settle()
        replaced += len(world.driver.inside.replaced)

    run()
    assert replaced


# --- the observer can fail ---


def good_session() -> list[Event]:
    """A session in which everything is in order: speech, a call, text, an aside."""
    world = World()
    driver = world.driver
    driver.transcribe()
    driver.speak(0, 960)
    driver.heard(driver.items()[0], "Hello.")
    driver.text("One ")
    driver.text("two.")
    driver.audio(100)
    driver.call("{}")
    driver.finish("tool_calls")
    driver.respond(output_modalities=["text"])
    driver.text("Three.")
    driver.finish()
    driver.respond(conversation="none")
    driver.text("Four.")
    driver.finish()
    driver.say("Bye.")
    return deepcopy(driver.events)


GOOD = good_session()


def observe(events: list[Event]) -> None:
    observer = Observer()
    for number, event in enumerate(events):
        # Events that a test doubles or moves are other events.
        observer.see({**event, "event_id": f"event_{number}"})
    observer.end()


def at(type_: str, count: int = 0) -> int:
    return [index for index, event in enumerate(GOOD) if event["type"] == type_][count]


def test_the_observer_finds_nothing_wrong_where_nothing_is() -> None:
    observe(GOOD)


FREE = {"rate_limits.updated", "session.updated", "input_audio_buffer.speech_stopped"}
"""May be missing: optional, or asked for by what the client did (a commit stops speech as well)."""
MOVABLE = {
    # Asynchronous: may come earlier or later than its neighbour.
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "session.updated",
    "rate_limits.updated",
    "response.output_audio.delta",
    "input_audio_buffer.speech_started",
}


@pytest.mark.parametrize(
    "index",
    [
        index
        for index, event in enumerate(GOOD)
        if event["type"] not in FREE
        and not event["type"].endswith(("audio.delta", "transcription.completed"))
    ],
    ids=lambda index: f"{index}-{GOOD[index]['type']}",
)
def test_the_observer_misses_a_missing_event(index: int) -> None:
    with pytest.raises((AssertionError, KeyError, ValueError)):
        observe(GOOD[:index] + GOOD[index + 1 :])


@pytest.mark.parametrize(
    "index",
    [i for i, event in enumerate(GOOD) if not event["type"].endswith(("updated", "audio.delta"))],
    ids=lambda index: f"{index}-{GOOD[index]['type']}",
)
def test_the_observer_sees_a_doubled_event(index: int) -> None:
    with pytest.raises((AssertionError, KeyError, ValueError)):
        observe([*GOOD[: index + 1], *GOOD[index:]])


@pytest.mark.parametrize(
    "index",
    [
        index
        for index in range(len(GOOD) - 1)
        if not {GOOD[index]["type"], GOOD[index + 1]["type"]} & MOVABLE
        # Nothing ties a response to the item before it.
        and GOOD[index]["type"] != "conversation.item.done"
    ],
    ids=lambda index: f"{index}-{GOOD[index]['type']}",
)
def test_the_observer_sees_two_neighbours_the_wrong_way_round(index: int) -> None:
    swapped = [*GOOD[:index], GOOD[index + 1], GOOD[index], *GOOD[index + 2 :]]
    with pytest.raises((AssertionError, KeyError, ValueError)):
        observe(swapped)


@pytest.mark.parametrize(
    ("type_", "path", "value"),
    [
        ("conversation.item.added", ("previous_item_id",), "nobody"),
        ("conversation.item.done", ("previous_item_id",), "nobody"),
        ("input_audio_buffer.committed", ("previous_item_id",), "nobody"),
        ("input_audio_buffer.committed", ("item_id",), "another"),
        ("input_audio_buffer.speech_stopped", ("audio_end_ms",), 961),
        ("input_audio_buffer.speech_stopped", ("audio_end_ms",), -32),
        ("input_audio_buffer.speech_started", ("audio_start_ms",), -1),
        ("response.output_audio_transcript.delta", ("output_index",), 1),
        ("response.output_audio_transcript.delta", ("item_id",), "another"),
        ("response.output_audio_transcript.delta", ("response_id",), "another"),
        ("response.output_audio_transcript.done", ("transcript",), "One"),
        ("response.content_part.done", ("part", "transcript"), "One"),
        ("response.content_part.added", ("part", "type"), "text"),
        ("response.function_call_arguments.done", ("arguments",), "{"),
        ("response.done", ("response", "output"), []),
        ("response.done", ("response", "status"), "in_progress"),
        ("response.created", ("response", "status"), "completed"),
        ("response.output_item.added", ("output_index",), 1),
        ("conversation.item.input_audio_transcription.completed", ("transcript",), "Bye."),
        ("conversation.item.input_audio_transcription.completed", ("item_id",), "another"),
    ],
)
def test_the_observer_sees_a_wrong_value(type_: str, path: tuple[str, ...], value: Any) -> None:
    events = deepcopy(GOOD)
    inner: Any = events[at(type_)]
    for step in path[:-1]:
        inner = inner[step]
    assert inner[path[-1]] != value
    inner[path[-1]] = value
    with pytest.raises((AssertionError, KeyError, ValueError)):
        observe(events)


def test_the_observer_sees_an_event_after_the_end_of_its_response() -> None:
    late = GOOD[at("response.output_audio_transcript.delta")]
    end = at("response.done")
    with pytest.raises(AssertionError, match="outside of its response"):
        observe([*GOOD[: end + 2], late, *GOOD[end + 2 :]])


def test_the_observer_sees_an_event_id_twice() -> None:
    observer = Observer()
    observer.see(GOOD[0])
    with pytest.raises(AssertionError, match="event_id"):
        observer.see({**GOOD[1], "event_id": GOOD[0]["event_id"]})


def test_the_sample_is_not_trivial() -> None:
    assert len(json.dumps(GOOD)) > 10_000
    assert len({event["type"] for event in GOOD}) == 24
    assert {event["type"] for event in GOOD} < REACHED


HANDLED = [
    record
    for record in dict.fromkeys([*CLIENT_EVENTS.values(), *TRANSCRIPTION_EVENTS.values()])
    if issubclass(record, SessionEvent)
]


@pytest.mark.parametrize("record", HANDLED)
def test_the_handler_that_a_record_names_takes_it(record: type[SessionEvent]) -> None:
    name = record.handler
    method = getattr(RealtimeSession, name, None)
    assert method, f"RealtimeSession has no method `{name}`, which {record.__name__} names"
    taken = next(iter(get_type_hints(method).values()))
    assert record in (get_args(taken) or (taken,))
