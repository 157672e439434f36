"""Drives one transport whose client, detector, recogniser and pipelines are puppets.

As `session_driver.py`, but with the transport: every result is checked against the audio and text
that caused it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from audio.clip import Clip
from config import TurnsConfig
from realtime_session import RealtimeSession
from session.decisions import SpeechHesitated, SpeechResumed, SpeechStarted, SpeechStopped
from session.ports import Capabilities, FailureReason
from session.reports import AudioMade, ResponseFailed, ResponseFinished, TextMade, ToolCallMade
from telemetry.metrics import Metrics
from telemetry.turn_log import TurnLog
from tests.support.inside import Inside
from tests.support.ordering import Observer
from tests.support.puppets import LOUDNESS, Manager, Pipeline, PuppetPeer, Recogniser, voice
from tests.support.session_driver import encoded, pcm, session_config
from tests.support.strict_reader import Event
from transport import RealtimeTransport

SPOKEN, CLIPS = 120, 80
"""Numbers that samples can encode: for speech, and for audio sent as items."""
LIVE = TurnsConfig(file_mode=False)
"""The puppets append in no time."""
STEPS = 30
"""Iterations of the event loop after which no task can make further progress."""
COMPLETED = "conversation.item.input_audio_transcription.completed"
SAID = re.compile(r"said .*?(\d+) in answer")
ANSWERED = re.compile(r"p(\d+): (\d+)")


def clips_of(messages: list[dict[str, Any]]) -> Iterator[tuple[str, Clip]]:
    """What a model hears: the item of each clip, and the clip."""
    for message in messages:
        parts = message["content"] if isinstance(message["content"], list) else []
        yield from ((part["item_id"], part["clip"]) for part in parts if "clip" in part)


class Stage:
    """One session, and the methods that drive its puppets."""

    def __init__(self, *, streaming: bool, hears: bool = False) -> None:
        self.events: list[Event] = []
        self.observer = Observer()
        self.manager = Manager(streaming=streaming)
        self.session = RealtimeSession(session_config(Capabilities(hears_audio=hears), turns=LIVE))
        self.inside = Inside(self.session)
        self.peer = PuppetPeer(self._arrived)
        self.transport = RealtimeTransport(
            self.session, self.manager.as_manager(), TurnLog("sess_1", Metrics()), self.peer
        )
        self.number = 1
        """The number that the audio carries at present."""
        self.numbers: dict[str, int] = {}
        """Item id → the last number spoken in it."""
        self.overtaken: set[str] = set()
        """Transcripts of a pause after which the user went on speaking."""
        self.told = ""
        """Instructions that the client last set."""
        self.instructions: dict[str, str] = {}
        """Response id → the instructions that its model must get."""
        self.takes = self.clips = 0
        self.steps = STEPS
        self.made: dict[str, int] = {}
        """Response id → the pipeline that its text came from."""
        self.places: dict[str, int] = {}
        """Response id → index of its next text in its pipeline's output."""

    @property
    def recogniser(self) -> Recogniser:
        assert self.manager.recogniser is not None
        return self.manager.recogniser

    def _arrived(self, frame: str) -> None:
        event = json.loads(frame)
        self.observer.see(event)
        self.events.append(event)
        match event["type"]:
            case "session.created" | "session.updated":
                self.told = event["session"]["instructions"]
            case "input_audio_buffer.committed":
                self.numbers[event["item_id"]] = self.peer.number
            case kind if kind == COMPLETED:
                self._understood(event["item_id"], event["transcript"])
            case "conversation.item.retrieved":
                for part in event["item"].get("content", []):
                    if part["type"] == "input_audio" and part["transcript"] is not None:
                        self._understood(event["item"]["id"], part["transcript"])
            case "response.created":
                self.instructions[event["response"]["id"]] = self.told
            case "response.output_audio_transcript.delta" | "response.output_text.delta":
                self._said(event["response_id"], event["delta"])

    def _understood(self, item_id: str, words: str) -> None:
        recognition = self.recogniser.answers[words]
        assert recognition.split(".")[0] == item_id, "the words of another turn"
        (last,) = map(int, SAID.findall(words))
        assert last == self.numbers[item_id], "the words of other audio, or of half a turn"

    def _said(self, response_id: str, words: str) -> None:
        ((number, place),) = [map(int, found) for found in ANSWERED.findall(words)]
        assert place == self.places.get(response_id, 0), "words out of place"
        self.places[response_id] = place + 1
        assert self.made.setdefault(response_id, number) == number, "two pipelines in one response"
        assert list(self.made.values()).count(number) == 1, "one pipeline in two responses"
        pipeline = self.manager.pipelines[number]
        assert not pipeline.stopped, "words of an answer that was thrown away"
        assert pipeline.request.instructions == self.instructions[response_id]
        for item_id, clip in clips_of(pipeline.request.messages):
            last = np.frombuffer(clip.audio, dtype="<i2")[-1] // LOUDNESS
            assert last == self.numbers.get(item_id, last), "an answer to half of what was heard"
        read = json.dumps(pipeline.request.messages, default=str)
        assert not [text for text in self.overtaken if text in read], "an answer to half a turn"

    # --- what happens ---

    async def settle(self) -> None:
        for _ in range(self.steps):
            await asyncio.sleep(0)
        if self.steps:
            self._check_nothing_runs_in_vain()

    def _check_nothing_runs_in_vain(self) -> None:
        turn = self.inside.buffer.open
        wanted = {*self.numbers, *([turn.item_id] if turn else [])}
        assert self.recogniser.busy_with() <= wanted, "a turn that came to nothing is heard"
        running = [p.request.response_id for p in self.manager.pipelines if p.running]
        announced = {id_ for id_ in running if id_ in self.instructions}
        assert announced <= self.observer.active.keys(), "a response that is over is generated"
        assert len(running) <= len(self.observer.active) + 1, "two answers begun early"

    async def race(self, one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
        """Two steps happen before the transport has handled either."""
        self.steps = 0
        for name, *arguments in (one, other):
            await getattr(self, name)(*arguments)
        self.steps = STEPS
        await self.settle()

    async def client(self, type_: str, **fields: Any) -> None:
        self.peer.give(json.dumps({"type": type_, **fields}), self.number)
        await self.settle()

    async def append(self) -> None:
        self.takes += 1
        audio = encoded(voice(self.number, self.takes))
        await self.client("input_audio_buffer.append", audio=audio)

    async def respond(self, conversation: str) -> None:
        await self.client("response.create", response={"conversation": conversation})

    async def update(self, session: dict[str, Any]) -> None:
        await self.client("session.update", session={"type": "realtime", **session})

    async def say(self) -> None:
        part = {"type": "input_text", "text": "written"}
        item = {"type": "message", "role": "user", "content": [part]}
        await self.client("conversation.item.create", item=item)

    async def send_clip(self) -> None:
        self.clips += 1
        item_id, number = f"clip_{self.clips:03}", SPOKEN + self.clips % CLIPS
        self.numbers[item_id] = number
        part = {"type": "input_audio", "audio": encoded(voice(number, 0))}
        item = {"id": item_id, "type": "message", "role": "user", "content": [part]}
        await self.client("conversation.item.create", item=item)

    async def delete(self, choice: int) -> None:
        known = [item.id for item in self.inside.conversation] or ["nobody"]
        await self.client("conversation.item.delete", item_id=known[choice % len(known)])

    async def retrieve_all(self) -> None:
        for item in list(self.inside.conversation):
            await self.client("conversation.item.retrieve", item_id=item.id)

    async def truncate(self, choice: int) -> None:
        known = [item.id for item in self.inside.conversation if item.audio_ms] or ["nobody"]
        item_id = known[choice % len(known)]
        await self.client(
            "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=10
        )

    async def speech(self, what: str) -> None:
        """Let the detector make a decision, if it is possible now."""
        detector = self.manager.detector
        now = int(self.inside.buffer.written_ms) // 32 * 32
        if what == "start" and not detector.speaking:
            await self.say_the_next()
            detector.speaking = True
            detector.decisions.append(SpeechStarted(now))
        elif what == "hesitate" and detector.speaking and not detector.hesitating:
            detector.hesitating = True
            detector.decisions.append(SpeechHesitated(now))
        elif what == "resume" and detector.hesitating:
            await self.say_the_next()
            detector.hesitating = False
            turn = self.inside.buffer.open
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

    async def say_the_next(self) -> None:
        assert self.number < SPOKEN
        self.number += 1
        await self.append()

    async def turn(self, steps: str) -> None:
        """A common sequence that random steps seldom make: see `TURNS_OF_PHRASE`."""
        for step in steps.split():
            match step:
                case "changed":
                    await self.update({"instructions": f"For turn {self.number}."})
                case "heard":
                    await self.recognise(-1, False)
                case "late":
                    await self.recognise_late()
                case "failed":
                    await self.recognise(-1, True)
                case "clip":
                    await self.send_clip()
                case "committed":
                    await self.client("input_audio_buffer.commit")
                case "cleared":
                    await self.client("input_audio_buffer.clear")
                case "answered":
                    await self.report(0, "call")
                    await self.report(0, "text")
                    await self.report(0, "audio")
                    await self.report(0, "text")
                case _:
                    await self.speech(step)

    async def recognise(self, choice: int, fails: bool) -> None:
        await self.recogniser.answer(choice, fails=fails)
        await self.settle()

    async def recognise_late(self) -> None:
        await self.recogniser.answer_late()
        await self.settle()

    async def begin_to_recognise(self) -> None:
        if self.inside.config.turn_detection is not None:
            await self.recogniser.begin_to_answer()

    async def report(self, choice: int, what: str) -> None:
        """Let a pipeline report; reports of a stopped or held one must have no effect."""
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
        report, response_id = pipeline.report, pipeline.request.response_id
        match what:
            case "text":
                report(TextMade(response_id, f"p{pipeline.number}: {pipeline.words} "))
                pipeline.words += 1
            case "audio":
                report(AudioMade(response_id, pcm(100)))
            case "call":
                report(ToolCallMade(response_id, 0, f"call_{pipeline.number}", "f", "{}"))
            case "finish":
                pipeline.ended = True
                report(ResponseFinished(response_id, "stop", None))
            case "fail":
                pipeline.ended = True
                report(ResponseFailed(response_id, FailureReason("It is gone.")))

    async def settle_all(self) -> None:
        """Finish everything that is in progress."""
        for _ in range(10 * SPOKEN):
            waiting = [pipeline for pipeline in self.manager.pipelines if not pipeline.ended]
            if not waiting and not self.recogniser.asked:
                break
            await self.recognise(0, False)
            await self.report(0, "finish")
        self.observer.end()
