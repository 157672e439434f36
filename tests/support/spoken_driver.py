"""Drives one transport whose turn detector is real, but for the model: what is loud is speech.

As `transport_driver.py`, but decisions follow from the audio. Every sample tells its place in what
was appended, so that each turn can be held against it.
"""

from __future__ import annotations

import asyncio
import base64
import json
from itertools import pairwise
from typing import Any

import numpy as np
from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import FrameProcessor

from config import TurnsConfig, VADConfig
from providers.frames import TurnCommittedFrame
from realtime_session import RealtimeSession
from session.decisions import Decision
from telemetry.metrics import Metrics
from telemetry.turn_log import TurnLog
from tests.support.ordering import Observer
from tests.support.puppets import Manager, PuppetPeer, Recogniser
from tests.support.session_driver import encoded, of, session_config
from tests.support.strict_reader import Event
from transport import RealtimeTransport
from turn_detection.silero import WINDOW_SAMPLES, SileroModel
from turn_detection.turn_detector import TurnDetector

PADDING_MS = 300
SURE_MS = 160
"""Speech of this length is detected, however it lies on the detector's grid."""
UNDECIDED_MS = 40
"""Speech that the detector may not have decided on when the client commits."""
LIVE = TurnsConfig(file_mode=False)
"""The puppets append in no time."""
STARTED = "input_audio_buffer.speech_started"
STOPPED = "input_audio_buffer.speech_stopped"
COMMITTED = "input_audio_buffer.committed"


class LoudIsSpeech(SileroModel):
    """Scores a window by its loudness."""

    def __init__(self) -> None:
        self.silence = ()

    def run(self, samples: Any, memories: Any) -> tuple[Any, Any]:
        loud = np.abs(samples[:, -WINDOW_SAMPLES:]).max(axis=1) > 0.1
        return np.where(loud, 0.95, 0.02), memories


class Listener(Recogniser):
    """Notes how much it was asked to recognise."""

    def __init__(self, output: FrameProcessor) -> None:
        super().__init__(output)
        self.samples: dict[str, int] = {}
        """Recognition → the length of its audio, at 24 kHz."""

    async def push(self, frame: Frame) -> None:
        await super().push(frame)
        if isinstance(frame, TurnCommittedFrame):
            self.samples[frame.recognition_id] = len(frame.audio) // 2 * 3 // 2


class Ears(Manager):
    """Puppets, but for the turn detector."""

    def hearing_pipeline(self, *arguments: Any) -> Listener:
        self.recogniser = self.listener = Listener(arguments[2])
        return self.listener

    def create_detector(self, _observe: object = None) -> Any:
        return TurnDetector(LoudIsSpeech(), hesitate_after_ms=96, rate=24000)

    async def next_decision(self, detector: Any) -> Decision | None:
        await asyncio.sleep(0)
        decision: Decision | None = next(detector.push(b""), None)
        return decision


class Call:
    """One session, as its client sees it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.observer = Observer()
        self.audio = bytearray()
        """All that was appended."""
        self.loud = np.zeros(0, bool)
        """Sample → whether it is loud."""
        self.manager = Ears(streaming=True)
        self.peer = PuppetPeer(self._arrived)
        self.transport = RealtimeTransport(
            RealtimeSession(session_config(vad=VADConfig(type="none"), turns=LIVE)),
            self.manager.as_manager(),
            TurnLog("sess_1", Metrics()),
            self.peer,
        )
        self.running = asyncio.create_task(self.transport.run())
        self.detects = False
        self.open: str | None = None
        """The turn that was announced and neither committed nor cleared."""
        self.starts: dict[str, int] = {}
        """Announced item → its first sample."""
        self.ends: dict[str, int] = {}
        """Committed item → the sample behind its last."""
        self.due: dict[str, tuple[int, int]] = {}
        """Item of a manual turn → the first samples with which it may begin, and has to."""
        self.taken = 0
        """Everything before this sample was committed or cleared."""
        self.manual_from = 0
        """The first sample of the next manual turn, at the latest."""
        self.cleared: list[tuple[int, int]] = []
        """From where to where nothing is kept."""
        self.breaks: set[int] = set()
        """Where the detector begins anew."""

    @property
    def written(self) -> int:
        return len(self.audio) // 2

    def _arrived(self, text: str) -> None:
        event = json.loads(text)
        self.observer.see(event)
        self.events.append(event)
        match event["type"]:
            case kind if kind == STARTED:
                assert self.detects
                assert self.open is None
                assert event["item_id"] not in self.starts
                self.open = event["item_id"]
                self.starts[self.open] = event["audio_start_ms"] * 24
            case kind if kind == STOPPED:
                assert self.detects
                assert event["item_id"] == self.open
                self.ends[event["item_id"]] = event["audio_end_ms"] * 24
            case kind if kind == COMMITTED:
                self._committed(event["item_id"])
            case "input_audio_buffer.cleared":
                self.open = None
                self.cleared.append((self.taken, self.written))
                self.taken = self.manual_from = self.written
                self.breaks.add(self.written)

    def _committed(self, item_id: str) -> None:
        if self.open is not None:
            assert item_id == self.open, "the announced id was not used"
            self.open = None
        else:
            assert not self.detects
            self.due[item_id] = (self.taken, self.manual_from)
        self.taken = self.ends.setdefault(item_id, self.written)
        self.manual_from = self.written
        if self.taken == self.written:
            self.breaks.add(self.written)

    # --- what the client does ---

    async def client(self, type_: str, **fields: Any) -> None:
        """Send an event, and wait until all that it causes has come."""
        marker = f"after_{len(self.events)}"
        self.peer.give(json.dumps({"type": type_, **fields}), 0)
        missing = {"type": "conversation.item.delete", "item_id": "none", "event_id": marker}
        self.peer.give(json.dumps(missing), 0)
        while self.events[-1].get("error", {}).get("event_id") != marker:
            await self.pause()

    async def pause(self) -> None:
        """Let the session run."""
        if self.running.done():
            await self.running
        await asyncio.sleep(0)

    async def say(self, ms: int) -> None:
        await self._append(self._made(ms, loud=True))

    async def hush(self, ms: int) -> None:
        await self._append(self._made(ms, loud=False))

    async def at_a_pause(self, ms: int, to: dict[str, Any] | None) -> None:
        """Switch where the turn may seem to be over, and speak on."""
        await self.say(300)
        await self.hush(ms)
        await self.switch(to)
        await self.say(300)

    async def across(self, ms: int, to: dict[str, Any] | None) -> None:
        """Switch in mid-sample."""
        audio = self._made(ms, loud=True)
        await self._append(audio[: len(audio) // 4 * 2 + 1])
        await self.switch(to)
        await self._append(audio[len(audio) // 4 * 2 + 1 :])

    def _made(self, ms: int, *, loud: bool) -> bytes:
        places = np.arange(ms * 24) + self.written
        samples = 8000 + places % 20_000 if loud else places % 2000
        self.loud = np.concatenate([self.loud, np.full(ms * 24, loud)])
        return samples.astype("<i2").tobytes()

    async def _append(self, audio: bytes) -> None:
        self.audio += audio
        await self.client("input_audio_buffer.append", audio=encoded(audio))

    async def switch(self, to: dict[str, Any] | None) -> None:
        if self.detects:
            if to is None and self.open is None:
                self.manual_from = self.written
            elif to is not None:
                self.breaks.add(self.written)
        self.detects = to is not None
        session = {"type": "realtime", "audio": {"input": {"turn_detection": to}}}
        await self.client("session.update", session=session)

    async def commit(self) -> None:
        await self.client("input_audio_buffer.commit")

    async def clear(self) -> None:
        await self.client("input_audio_buffer.clear")

    # --- what there is ---

    async def items(self) -> dict[str, bytes]:
        """Every committed item's audio."""
        for item_id in list(self.ends):
            await self.client("conversation.item.retrieve", item_id=item_id)
        read = [event["item"] for event in of(self.events, "conversation.item.retrieved")]
        return {item["id"]: base64.b64decode(item["content"][0]["audio"]) for item in read}

    async def check(self) -> None:
        """Every turn has exactly its audio, and whatever was spoken is in a turn."""
        covered = np.zeros(self.written, bool)
        for item_id, audio in (await self.items()).items():
            end = self.ends[item_id]
            start = end - len(audio) // 2
            assert audio == self.audio[2 * start : 2 * end], "samples lost, doubled or moved"
            covered[start:end] = True
            unheard = self.loud[start + self._recognised(item_id) : end]
            assert unheard.sum() < UNDECIDED_MS * 24, "words that the recogniser was not given"
            if item_id in self.starts:
                assert start == self.starts[item_id]
            else:
                earliest, latest = self.due[item_id]
                assert max(earliest, latest - PADDING_MS * 24) <= start <= latest
        for start, end in self.cleared:
            covered[start:end] = True
        edges = np.flatnonzero(np.diff(self.loud, prepend=False, append=False)).tolist()
        for start, end in pairwise(sorted({0, *edges, *self.breaks, self.written})):
            if self.loud[start:end].any() and end - start >= SURE_MS * 24:
                assert covered[start:end].all(), "words that are in no turn"

    def _recognised(self, item_id: str) -> int:
        """Samples of a committed turn whose transcript will be the item's."""
        listener = self.manager.listener
        (asked,) = [id_ for id_ in listener.asked if id_.split(".")[0] == item_id]
        return listener.samples[asked]
