"""Whatever clients, detectors, recognisers and pipelines do, the transport keeps them apart.

As `test_session_invariants.py`, one storey up: the real transport runs, with its guesses at
pauses and its answers that are begun early. Hypothesis pulls the strings of `puppets.py` in any
order that is possible.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from generation import ProviderError
from realtime_session import RealtimeSession
from tests.ordering import Observer
from tests.puppets import Manager, Pipeline, PuppetWire, Recogniser, voice
from tests.session_driver import encoded, pcm, session_config
from tests.wire import Event
from transport import RealtimeTransport
from turn_detection import SpeechHesitated, SpeechResumed, SpeechStarted, SpeechStopped
from turn_log import TurnLog

TURNS = 60
"""Numbers that samples can tell apart."""
STEPS = 30
"""Rounds of the event loop in which everything that can happen at once has happened."""
COMPLETED = "conversation.item.input_audio_transcription.completed"
ANSWERED = re.compile(r"p(\d+)!")


class Stage:
    """One session, and the hands that hold the strings."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.observer = Observer()
        self.manager = Manager()
        self.session = RealtimeSession(session_config())
        self.wire = PuppetWire(self._arrived)
        self.transport = RealtimeTransport(
            self.session, self.manager.as_manager(), TurnLog("sess_1")
        )
        self.number = 1
        """What is being said."""
        self.numbers: dict[str, int] = {}
        """Turn → what was said in it."""
        self.overtaken: set[str] = set()
        """Words that answered a pause after which the user went on."""
        self.made: dict[str, int] = {}
        """Response → the pipeline that its words came from."""

    @property
    def recogniser(self) -> Recogniser:
        assert self.manager.recogniser is not None
        return self.manager.recogniser

    def _arrived(self, frame: str) -> None:
        event = json.loads(frame)
        self.observer.see(event)
        self.events.append(event)
        match event["type"]:
            case "input_audio_buffer.speech_started":
                self.numbers[event["item_id"]] = self.number
            case kind if kind == COMPLETED:
                self._understood(event["item_id"], event["transcript"])
            case "response.output_audio_transcript.delta" | "response.output_text.delta":
                self._said(event["response_id"], event["delta"])

    def _understood(self, item_id: str, words: str) -> None:
        hearing = self.recogniser.answers[words]
        assert hearing.startswith(item_id), "the words of another turn"
        assert words not in self.overtaken, "the words before a pause, for the whole turn"
        if item_id in self.numbers:
            assert words.startswith(f"said {self.numbers[item_id]} "), "words of other audio"

    def _said(self, response_id: str, words: str) -> None:
        (number,) = map(int, ANSWERED.findall(words))
        assert self.made.setdefault(response_id, number) == number, "two pipelines in one response"
        assert list(self.made.values()).count(number) == 1, "one pipeline in two responses"
        pipeline = self.manager.pipelines[number]
        assert not pipeline.stopped, "words of an answer that was thrown away"
        read = json.dumps(pipeline.request.messages)
        assert not [text for text in self.overtaken if text in read], "an answer to half a turn"

    # --- what happens ---

    async def settle(self) -> None:
        for _ in range(STEPS):
            await asyncio.sleep(0)

    async def client(self, type_: str, **fields: Any) -> None:
        self.wire.incoming.put_nowait(json.dumps({"type": type_, **fields}))
        await self.settle()

    async def append(self) -> None:
        await self.client("input_audio_buffer.append", audio=encoded(voice(self.number)))

    async def respond(self, response: dict[str, Any]) -> None:
        await self.client("response.create", response=response)

    async def update(self, session: dict[str, Any]) -> None:
        await self.client("session.update", session={"type": "realtime", **session})

    async def say(self) -> None:
        part = {"type": "input_text", "text": "written"}
        item = {"type": "message", "role": "user", "content": [part]}
        await self.client("conversation.item.create", item=item)

    async def delete(self, choice: int) -> None:
        known = [item.id for item in self.session.conversation] or ["nobody"]
        await self.client("conversation.item.delete", item_id=known[choice % len(known)])

    async def truncate(self, choice: int) -> None:
        known = [item.id for item in self.session.conversation if item.audio] or ["nobody"]
        item_id = known[choice % len(known)]
        await self.client(
            "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=10
        )

    async def speech(self, what: str) -> None:
        """The detector decides, if it can decide this now."""
        detector = self.manager.detector
        now = int(self.session.turns.written_ms) // 32 * 32
        if what == "start" and not detector.speaking and self.number < TURNS:
            self.number += 1
            await self.append()
            detector.speaking = True
            detector.decisions.append(SpeechStarted(now))
        elif what == "hesitate" and detector.speaking and not detector.hesitating:
            detector.hesitating = True
            detector.decisions.append(SpeechHesitated(now))
        elif what == "resume" and detector.hesitating:
            detector.hesitating = False
            turn = self.session.turns.open
            if turn is not None:
                answers = self.recogniser.answers.items()
                self.overtaken |= {words for words, id_ in answers if id_.startswith(turn.item_id)}
            detector.decisions.append(SpeechResumed(now))
        elif what == "stop" and detector.hesitating:
            detector.reset()
            detector.decisions.append(SpeechStopped(now))
        else:
            return
        await self.append()

    async def turn(self, steps: str) -> None:
        """What happens often, and seldom by chance: see `TURNS_OF_PHRASE`."""
        for step in steps.split():
            match step:
                case "heard":
                    await self.recognise(-1, False)
                case "answered":
                    await self.report(0, "text")
                    await self.report(0, "audio")
                case _:
                    await self.speech(step)

    async def recognise(self, choice: int, fails: bool) -> None:
        await self.recogniser.answer(choice, fails=fails)
        await self.settle()

    async def report(self, choice: int, what: str) -> None:
        """A pipeline reports; one that was stopped, or is held back, is not heard."""
        running = [pipeline for pipeline in self.manager.pipelines if not pipeline.ended]
        if not running:
            return
        pipeline = running[-1 - choice % len(running)]
        came, stopped = len(self.events), pipeline.stopped
        self._report(pipeline, what)
        await self.settle()
        if stopped:
            assert self.events[came:] == [], "a stopped pipeline was heard"

    def _report(self, pipeline: Pipeline, what: str) -> None:
        signals, response_id = pipeline.signals, pipeline.request.response_id
        match what:
            case "text":
                signals.text(response_id, f"p{pipeline.number}! ")
            case "audio":
                signals.audio(response_id, pcm(100))
            case "call":
                signals.tool_call(response_id, 0, f"call_{pipeline.number}", "f", "{}")
            case "finish":
                pipeline.ended = True
                signals.finished(response_id, "stop", None)
            case "fail":
                pipeline.ended = True
                signals.failed(response_id, ProviderError("It is gone."))

    async def settle_all(self) -> None:
        """Everything that is under way comes to its end."""
        for _ in range(10 * TURNS):
            waiting = [pipeline for pipeline in self.manager.pipelines if not pipeline.ended]
            if not waiting and not self.recogniser.asked:
                break
            await self.recognise(0, False)
            await self.report(0, "finish")
        self.observer.end()


TURNS_OF_PHRASE = [
    "start hesitate heard answered",
    "start hesitate heard",
    "resume hesitate heard answered stop answered",
    "stop answered answered",
    "start hesitate heard answered stop",
    "start hesitate heard answered stop answered",
    "start hesitate stop heard answered",
    "start hesitate heard answered resume",
    "start hesitate heard resume hesitate",
    "start hesitate resume heard hesitate heard answered stop answered",
    "start hesitate heard answered resume answered hesitate heard answered stop answered",
]

choices = st.integers(0, 5)
updates = st.sampled_from(
    [
        {"instructions": "New."},
        {"output_modalities": ["text"]},
        {"output_modalities": ["audio"]},
        {"audio": {"input": {"transcription": {"model": "m", "language": "en"}}}},
        {"audio": {"input": {"transcription": {"model": "m"}}}},
        {"audio": {"input": {"turn_detection": None}}},
        {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}},
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}},
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": True}}}},
    ]
)
asked = st.sampled_from([{}, {}, {"conversation": "none"}])
speech = st.tuples(
    st.just("speech"), st.sampled_from(["start", "hesitate", "hesitate", "resume", "stop", "stop"])
)
heard = st.tuples(st.just("recognise"), choices, st.sampled_from([False, False, False, True]))
reported = st.tuples(
    st.just("report"),
    choices,
    st.sampled_from(["text", "text", "audio", "call", "finish", "finish", "fail"]),
)
clients = st.one_of(
    st.just(("append",)),
    st.just(("say",)),
    st.tuples(st.just("respond"), asked),
    st.tuples(st.just("update"), updates),
    st.tuples(st.just("delete"), choices),
    st.tuples(st.just("truncate"), choices),
    st.just(("client", "response.cancel")),
    st.just(("client", "input_audio_buffer.commit")),
    st.just(("client", "input_audio_buffer.clear")),
)
turns = st.tuples(st.just("turn"), st.sampled_from(TURNS_OF_PHRASE))
operations = st.one_of(turns, speech, heard, reported, reported, clients, clients)


async def play(happenings: list[tuple[Any, ...]], *, leaves: bool) -> Stage:
    """Let things happen to one session; then its client leaves, or waits for the end."""
    before = asyncio.all_tasks()
    stage = Stage()
    running = asyncio.create_task(stage.transport.run(stage.wire))
    await stage.settle()
    await stage.update({"audio": {"input": {"transcription": {"model": "m"}}}})
    for name, *arguments in happenings:
        await getattr(stage, name)(*arguments)
        assert not running.done()
    if not leaves:
        await stage.settle_all()
    stage.wire.incoming.put_nowait(None)
    assert await running == "the client left"
    assert stage.recogniser.stopped
    unended = [p.number for p in stage.manager.pipelines if not p.stopped and not p.ended]
    assert unended == [], "pipelines that nobody stopped"
    assert asyncio.all_tasks() == before
    return stage


def test_nothing_is_mixed_up_whatever_happens() -> None:
    reached: set[str] = set()

    @given(st.lists(operations, min_size=10, max_size=40), st.booleans())
    @settings(deadline=None, derandomize=True, max_examples=120, report_multiple_bugs=True)
    def run(happenings: list[tuple[Any, ...]], leaves: bool) -> None:
        stage = asyncio.run(play(happenings, leaves=leaves))
        reached.update(event["type"] for event in stage.events)
        if stage.overtaken:
            reached.add("a guess overtaken")
        answered = [stage.manager.pipelines[number].request for number in stage.made.values()]
        if {request.response_id for request in answered} - stage.made.keys():
            reached.add("an answer begun early")
        if any(pipeline.stopped and not pipeline.ended for pipeline in stage.manager.pipelines):
            reached.add("a pipeline stopped")

    run()
    assert reached >= {
        "a guess overtaken",
        "an answer begun early",
        "a pipeline stopped",
        COMPLETED,
        "conversation.item.input_audio_transcription.failed",
        "conversation.item.truncated",
        "response.done",
        "response.output_audio.delta",
        "response.function_call_arguments.done",
    }
