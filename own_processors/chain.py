"""The processors of one place in one pipeline, watched from outside.

Their code is somebody's own: it may raise, push an error, hang, or drop a frame that the next stage
waits for. Pipecat tells of the first two alone, and to nobody here. A chain hears what its
processors begin and end by Pipecat's events, and what they push by their guards (`guard.py`), and
tells by name which one failed.

Frames belong to a job, by which a failure is told apart: the one answer of a response's pipeline,
or one of the recognitions of a session's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from pipecat.frames.frames import (
    AudioRawFrame,
    CancelFrame,
    ErrorFrame,
    Frame,
    StartFrame,
    SystemFrame,
    TTSSpeakFrame,
)
from pipecat.processors.frame_processor import FrameProcessor

from flow.watchdog import Watchdog
from own_processors.places import NamedProcessor
from own_processors.steps import raised
from own_processors.unfit_frames import UnfitFrame
from providers.quoted import brief
from session.ports import FailureReason

Job = Hashable


@dataclass(frozen=True, slots=True)
class _Work:
    """What a processor is at."""

    frame: Frame
    job: Job | None
    """Whose frame it was when it began: a processor may change what says so."""
    since: float
    """When it began, in the loop's time."""


class Chain:
    """Watches the processors of one place."""

    def __init__(
        self,
        processors: Sequence[NamedProcessor],
        timeout_s: float,
        on_failure: Callable[[Job, FailureReason], None],
    ) -> None:
        """Watch from now on.

        Args:
            processors: Those of the place, in order; one at least.
            timeout_s: Seconds that one may be at a frame, or hold back what is due.
            on_failure: Takes the job that failed, and why.
        """
        self.processors = [named.processor for named in processors]
        # One that is made of others fails by an error of theirs, of which it hears nothing itself.
        self._guards = {one: guard for named in processors for one, guard in named.guards.items()}
        self._timeout_s = timeout_s
        self._on_failure = on_failure
        self._at: dict[tuple[asyncio.Task[Any] | None, FrameProcessor], _Work] = {}
        """What each processor is at, in the order in which that began. A processor is at two frames
        if one of them is a system frame, which has a task of its own."""
        self._due: dict[Job, dict[FrameProcessor, None]] = {}
        """Jobs whose last frame has gone in and not come out → the processors that keep it."""
        self._pass_on: set[FrameProcessor] = set()
        """Those that have ever let anything out that is no signal to the pipeline itself."""
        self._watches: dict[Job, Watchdog] = {}
        self._over = False
        self.beside: list[Chain] = [self]
        """All chains of the pipeline, which takes nothing while one of theirs is being set up."""
        self._owed: FailureReason | None = None
        """Why one failed at its `StartFrame`, when there was no job yet: it fails the next one."""
        for processor, guard in self._guards.items():
            guard.watcher = self
            processor.add_event_handler("on_before_process_frame", self._begins)
            processor.add_event_handler("on_after_process_frame", self._ends)
            processor.add_event_handler("on_error", self._erred)

    @property
    def names(self) -> str:
        """The names of all."""
        return ", ".join(self._guards[processor].name for processor in self.processors)

    def entered(self, job: Job) -> None:
        """Note that a job's last frame goes in: it has to come out."""
        owed, self._owed = self._owed, None
        if owed is not None:
            self._on_failure(job, owed)
            return
        self._due[job] = {}
        self._watch(job)

    def left(self, job: Job) -> None:
        """Note that a job's last frame has come out."""
        self._due.pop(job, None)
        self._watch(job)

    def over(self) -> None:
        """End all time-outs: the pipeline is being stopped, or has failed."""
        self._over = True
        for watch in self._watches.values():
            watch.retire()
        self._watches.clear()

    @property
    def watches(self) -> list[Watchdog]:
        """The time-outs that run."""
        return list(self._watches.values())

    @property
    def setting_up(self) -> bool:
        """Whether one of these is being set up; its own time-out tells if that does not end."""
        return any(guard.setting_up for guard in self._guards.values())

    def at(self, processor: FrameProcessor) -> Frame | None:
        """Return the frame that a processor is at, in the task that asks."""
        work = self._work(processor)
        return None if work is None else work.frame

    def _work(self, processor: FrameProcessor) -> _Work | None:
        return self._at.get((asyncio.current_task(), processor))

    # --- for what is special to a pipeline -----------------------------------------------------

    def job(self, frame: Frame) -> Job | None:
        """Return the job that a frame belongs to; None: to none."""
        raise NotImplementedError

    def is_last(self, frame: Frame) -> bool:
        """Return whether a frame is the last one of its job, which has to come out."""
        raise NotImplementedError

    def in_progress(self) -> Sequence[Job]:
        """Return the jobs that fail by an error which belongs to no frame."""
        return list(self._due)

    def begun(self, frame: Frame) -> None:
        """Take note that a processor begins with a frame."""

    def ended(self, frame: Frame) -> None:
        """Take note that a processor is done with a frame."""

    def made(self, frame: Frame, source: Frame | None) -> None:
        """Take note that a processor, or one within it, pushes a frame while at its source."""

    def pushed(self, frame: Frame) -> None:
        """Take note that a processor pushes a frame."""

    def in_vain(self, frame: Frame) -> str | None:
        """Return why a frame that a processor pushes has no effect here; None: it has one.

        That nothing speaks or plays any more is told here: only in an answer does what does follow.
        """
        if isinstance(frame, TTSSpeakFrame):
            return f"it pushed a TTSSpeakFrame where no voice follows. {_SPEAK}"
        if isinstance(frame, AudioRawFrame):
            return f"it pushed audio where nothing plays it ({type(frame).__name__}). {_PLAY}"
        return None

    # --- what Pipecat tells --------------------------------------------------------------------

    async def _begins(self, processor: FrameProcessor, frame: Frame) -> None:
        if isinstance(frame, CancelFrame):
            self.over()
            return
        job = self.job(frame)
        work = _Work(frame, job, asyncio.get_running_loop().time())
        self._at[asyncio.current_task(), processor] = work
        if job in self._due and self.is_last(frame):
            self._due[job][processor] = None
        if processor in self.processors:
            self.begun(frame)
        self._watch(job)

    async def _ends(self, processor: FrameProcessor, frame: Frame) -> None:
        self._check_hold(processor)
        work = self._at.pop((asyncio.current_task(), processor), None)
        if processor in self.processors:
            self.ended(frame)
        self._watch(None if work is None else work.job)

    async def _erred(self, processor: FrameProcessor, frame: ErrorFrame) -> None:
        self._fail(processor, frame)
        # Where it raised, nothing says that it is done.
        self._at.pop((asyncio.current_task(), processor), None)

    # --- what their guards tell ----------------------------------------------------------------

    def passes(self, processor: FrameProcessor, frame: Frame) -> bool:
        """Take note of a frame that a processor pushes; return whether it has an effect here."""
        self._check_hold(processor)
        source = self.at(processor)
        # One that is passed on was told already by whoever it is of.
        if isinstance(frame, ErrorFrame) and frame.processor is None and frame is not source:
            frame.processor = processor
            self._fail(processor, frame)
        elif frame is not source and (vain := self.in_vain(frame)) is not None:
            said, _stop, remedy = vain.partition(". ")
            self._fail_at(processor, self._reason(self._name(processor), said, said, remedy))
            return False
        else:
            self._went_on(processor, frame)
            self.made(frame, source)
            if processor in self.processors:
                self.pushed(frame)
        return True

    def _went_on(self, processor: FrameProcessor, frame: Frame) -> None:
        if not isinstance(frame, SystemFrame):
            self._pass_on.add(processor)
        job = self.job(frame)
        if job in self._due and self.is_last(frame):
            self._due[job].pop(processor, None)

    def refused(self, processor: FrameProcessor, why: str) -> None:
        """Take note that what a processor pushed goes no further, and why."""
        self._fail_at(processor, self._reason(self._name(processor), why, why, _LOOK))

    def _name(self, processor: object) -> str:
        guard = self._guards.get(processor) if isinstance(processor, FrameProcessor) else None
        return self.names if guard is None else guard.name

    def _check_hold(self, processor: FrameProcessor) -> None:
        """Fail what a processor is at, if it let no time-out run that it has exceeded."""
        held_s = self._guards[processor].held_beyond(self._timeout_s)
        if held_s is not None and not self._over:
            said = f"it held the server's event loop for {held_s:.1f} s"
            self._fail_at(processor, self._reason(self._name(processor), said, said, _BLOCKS))

    def _fail(self, processor: FrameProcessor, frame: ErrorFrame) -> None:
        self._fail_at(processor, self.reason(frame))

    def _fail_at(self, processor: FrameProcessor, reason: FailureReason) -> None:
        work = self._work(processor)
        if work is not None and work.job is not None:
            self._tell(work.job, reason)
            return
        jobs = self.in_progress()
        for job in jobs:
            self._tell(job, reason)
        if not jobs and work is not None and isinstance(work.frame, StartFrame):
            self._owed = self._owed or reason

    def reason(self, frame: ErrorFrame) -> FailureReason:
        """Return why one of these failed, as its error frame says."""
        said = brief(frame.error).removeprefix("Error processing frame: ")
        # What it says may quote what the user said: not for the log.
        kind = "…"
        if frame.exception is not None:
            error = raised(frame.exception)
            kind = type(error).__name__
            said = f"{kind}: {brief(error)}"
            if isinstance(error, UnfitFrame):
                said = kind = str(error)
        return self._reason(self._name(frame.processor), said.strip().rstrip(".:"), kind, _LOOK)

    def reason_behind(self, frame: ErrorFrame) -> FailureReason:
        """Return why the server could not go on with what came out of these.

        Args:
            frame: The error of a stage of the server's own, which stands behind them.
        """
        error = frame.exception
        kind = "an error" if error is None else type(error).__name__
        said = f"the server cannot go on with what it pushed: {kind}"
        if isinstance(error, UnfitFrame):
            said = str(error)
        return self._reason(self.names, said, said, _LOOK)

    def __contains__(self, processor: object) -> bool:
        """Return whether a processor is one of these."""
        return processor in self._guards

    def _reason(self, name: str, said: str, discreet: str, remedy: str) -> FailureReason:
        failed = f"The processor {name} failed: "
        return FailureReason(
            f"{failed}{said}. {remedy}",
            "processor_error",
            discreet=f"{failed}{discreet}. {remedy}",
        )

    # --- time-outs ----------------------------------------------------------------------------

    def _watch(self, job: Job | None) -> None:
        """Give a job time from now on, or none where nothing is to be waited for."""
        if job is None or self._over:
            return
        awaited = job in self._due or any(work.job == job for work in self._at.values())
        if awaited and job not in self._watches:
            self._watches[job] = Watchdog(lambda limit_s: self._silent(job, limit_s))
        if awaited:
            self._watches[job].expect(self._timeout_s)
        elif job in self._watches:
            self._watches.pop(job).retire()

    def _silent(self, job: Job, limit_s: float) -> None:
        if any(chain.setting_up for chain in self.beside):
            self._watches[job].expect(limit_s)
            return
        now = asyncio.get_running_loop().time()
        jobs = {id(work.frame): work.job for work in self._at.values()}

        def hangs(frame: Frame, since: float) -> bool:
            # One may be at another job's frame, for so long that this job's has to wait.
            return jobs.get(id(frame)) == job or now - since > limit_s

        stuck = [
            (self._name(processor), type(work.frame).__name__)
            for (_task, processor), work in self._at.items()
            if hangs(work.frame, work.since)
        ]
        if stuck:
            # The last one that began: those before it wait for it.
            name, at = stuck[-1]
            said = f"it has been at one {at} for {limit_s:g} s"
        else:
            name = self._keepers(job)
            said = f"what the next stage waits for did not come within {limit_s:g} s"
        # In a session's pipeline the next turns have to get past it.
        for guard in self._guards.values():
            guard.give_up(hangs)
        self._tell(job, self._reason(name, said, said, _PASS_ON))

    def _keepers(self, job: Job) -> str:
        """Name whoever keeps the last frame of a job to itself.

        Where branches stand side by side, one of them is enough to pass it on, and others are there
        for what they do: one that never lets anything out is not to blame beside one that does.
        """
        kept = [one for one in self._due.get(job, ()) if not one.processors]
        usual = [one for one in kept if one in self._pass_on]
        return ", ".join(map(self._name, usual or kept)) or self.names

    def _tell(self, job: Job, reason: FailureReason) -> None:
        self._due.pop(job, None)
        watch = self._watches.pop(job, None)
        if watch is not None:
            watch.retire()
        self._on_failure(job, reason)


_LOOK = "The fault is in its code; the server's log with debug on says more."
_BLOCKS = (
    "What blocks belongs in asyncio.to_thread; processors.timeout_s says how long it may take."
)
_SPEAK = "What is to be spoken has to be pushed before the voice: by a processor before_voice."
_PLAY = "What is to be played is a TTSAudioRawFrame of an answer."
_PASS_ON = (
    "A processor has to push on every frame that it does not use; processors.timeout_s says how "
    "long it may take."
)
