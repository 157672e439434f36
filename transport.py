"""The Pipecat transport of one session: connects a client, a session and its pipelines.

The front door of `peers/` and `flow/`. It moves data between a peer (`peers/base.py`), the session
(`realtime_session.py`) and the pipelines, and carries out the session's effects. All decisions are
the session's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from pipecat.processors.frame_processor import FrameProcessor
from pipecat.transports.base_transport import BaseTransport

from answering.runner import ResponseRunner
from flow.file_pace import OVER_S, FilePace
from flow.steps import in_turns
from flow.work_queue import WorkQueue
from hearing.listening import SLICE_MS, Listening
from hearing.session_recogniser import SessionRecogniser
from peers.base import AppendedAudio, Peer
from peers.serving import serve
from pipeline_manager import PipelineManager
from providers.running_pipeline import RunningPipeline
from realtime_session import RealtimeSession
from session.decisions import Decision
from session.effects import (
    CallMcpTool,
    Close,
    Duck,
    Effect,
    FollowSpeech,
    ForgetTurn,
    Generate,
    GuessTurn,
    HearAgain,
    HearAs,
    HearOn,
    HearTurn,
    KeepMcpServers,
    ListMcpTools,
    NoteEcho,
    OutputAudio,
    RehearTurn,
    ResetTurnDetection,
    ResumeTurn,
    Send,
    SetTurnDetection,
    Silence,
    Speculate,
    StopGenerating,
    StopMcpCalls,
    StopSpeculating,
    To,
    Transcribe,
    WordsSoFar,
)
from session.mcp import ToolServers
from session.ports import CloseReason
from session.reports import Report, TurnReport, TurnUnderstood
from settings.localisation import in_english
from telemetry.turn_log import TurnLog
from tool_servers.runner import McpRunner
from turn_detection.observed_detector import Observer
from wire.client_events import SessionEvent
from wire.console_events import EchoHeard
from wire.envelope import error_event
from wire.errors import ProtocolError
from wire.event_record import ServerEvent
from wire.session_events import ItemTruncated

READ_S = 0.1
"""Seconds in which what a client has sent already is read, whatever the server was busy with."""


class RealtimeTransport(BaseTransport):
    """Connects one client, one session and its pipelines."""

    def __init__(
        self,
        session: RealtimeSession,
        manager: PipelineManager,
        log: TurnLog,
        peer: Peer,
        observe: Observer | None = None,
        notify: Callable[[ServerEvent], None] | None = None,
        tool_servers: ToolServers | None = None,
        note: Callable[[ServerEvent], None] | None = None,
        passed: Sequence[str] = (),
    ) -> None:
        """Prepare; nothing runs before `run`.

        Args:
            session: The state machines of this session.
            manager: Builds the pipelines.
            log: Logs the session's turns.
            peer: The client.
            observe: Is told what the turn detector hears; None: nobody is.
            notify: Is told, once, that the client's microphone hears its loudspeaker; None: nobody.
            tool_servers: The session's MCP servers; None: the session was told to refuse all.
            note: Is told every event of the session; None: nobody is.
            passed: The servers that have passed the session on to this one.

        Raises:
            ProviderSetupError: The recogniser's class is not supported.
        """
        super().__init__()
        self._session = session
        self._pipelines = manager.for_session(passed)
        self._log = log
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._closing: asyncio.Future[Close] = self._loop.create_future()
        """Why the session is over; once it is set, the peer takes nothing more."""
        self._listening = Listening(manager.turn_models, session.recent_speech, observe)
        self._work = WorkQueue()
        self._recogniser = SessionRecogniser(
            self._pipelines.create_stt(),
            manager.stt,
            self._work,
            self.report,
            log.failed,
            noise_reduced=manager.recogniser_noise_reduced,
            patience_s=manager.settings.stt.timeout_s,
            stack=manager.tables("stt"),
        )
        self._recognition = self._recogniser.turns
        self._file_pace = FilePace(self._loop.time())
        self._file_end: asyncio.TimerHandle | None = None
        """Due when nothing more of a file has come for long enough."""
        self._notify = notify
        self._note = note
        self._hears_echo = False
        """Whether there ever was an echo in this session."""
        self._responses = ResponseRunner(self._pipelines, self.report, peer, log)
        self._tools = McpRunner(tool_servers, self.report)

    @property
    def closed_for(self) -> CloseReason | None:
        """Why the session closed the connection; None: it has not."""
        return self._closing.result().reason if self._closing.done() else None

    def input(self) -> FrameProcessor:
        """Return the first processor of the recogniser's pipeline."""
        return self._recogniser.input

    def output(self) -> FrameProcessor:
        """Return the last processor of the recogniser's pipeline."""
        return self._recogniser.output

    async def run(self) -> str:
        """Serve the client until the session ends.

        Returns:
            Why the session ended, for the log.
        """
        with in_english():
            return await self._serve()

    async def _serve(self) -> str:
        pipeline = self._recogniser.start(self._pipelines.hearing_pipeline, self._log.tracing())
        expiry = self._loop.call_later(self._session.lifetime_s, self.expire)
        try:
            reason = await serve(self._peer, self._work, self.report, self._receive, self._closing)
        finally:
            expiry.cancel()
            if self._file_end is not None:
                self._file_end.cancel()
            await asyncio.shield(self._release(pipeline))
        return self._peer.left or reason

    def expire(self) -> None:
        """End the session as its time is up."""
        self._perform(self._session.expire())

    def leave(self, grace_s: float) -> None:
        """End the session when no response is running any more, at the latest in `grace_s` s."""
        self._loop.call_later(grace_s, self._go_away)
        self._perform(self._session.leave())

    def report(self, report: Report) -> None:
        """Take a report of the recogniser's or a response's pipeline, or of an MCP server."""
        self._log.reported(report)
        if isinstance(report, TurnReport):
            # It may decide that the user interrupts what plays.
            self._report_played()
        else:
            self._tell_time()
        self._perform(self._session.report(report))
        if isinstance(report, TurnUnderstood):
            # What decided that it is a turn was its transcript: it was committed only now.
            self._log.understood(report.item_id)

    def _go_away(self) -> None:
        self._perform(self._session.go_away())

    # --- input of the client ------------------------------------------------------------------

    async def _receive(self) -> None:
        self._perform(self._session.open())
        waiting = b""
        async for came in self._peer.incoming(self._listening.can_wait):
            if not self._work.has_room:
                await self._work.room()
            if isinstance(came, AppendedAudio):
                audio = waiting + came.audio
                refused = self._session.refuse_append(len(audio), came.event_id)
                if refused:
                    self._perform(refused)
                elif self._listening.can_wait(len(audio)):
                    waiting = audio
                else:
                    waiting = b""
                    await self._append(audio)
                continue
            if waiting:
                await self._append(waiting)
                waiting = b""
            if isinstance(came, ProtocolError):
                self._perform([Send(error_event(came), To.ASKER)])
            else:
                await self._take(came)

    async def _take(self, event: SessionEvent) -> None:
        self._report_played()
        effects = await in_turns(self._session.take(event))
        self._perform(effects)
        for effect in effects:
            if isinstance(effect, HearAgain):
                await self._append(effect.audio, again=True)

    async def _append(self, audio: bytes | bytearray, *, again: bool = False) -> None:
        """Take appended audio, and slow the client if it is too fast.

        Args:
            audio: The audio.
            again: Whether it was appended, and counted, before.
        """
        clock = self._loop.time
        audio_s = len(audio) / self._listening.format.bytes_per_ms / 1000
        if self._file_end is not None:
            self._file_end.cancel()
        came = clock()
        in_file = self._file_pace.take(audio_s, came)
        if in_file:
            self._session.file_came()
        elif self._file_end is not None:
            self._file_over()
        await self._hear_all(audio)
        if not again:
            self._log.appended(audio_s)
            await self._peer.pace(audio_s)
        if in_file:
            # What was sent meanwhile is there to be read.
            wait_s = max(came + OVER_S - clock(), READ_S)
            self._file_end = self._loop.call_later(wait_s, self._file_over)

    def _file_over(self) -> None:
        self._file_end = None
        self._perform(self._session.file_over())

    async def _hear_all(self, audio: bytes | bytearray) -> None:
        """Take audio slice by slice."""
        step = SLICE_MS * self._listening.format.bytes_per_ms
        for start in range(0, len(audio), step):
            if start:
                # The event loop runs other sessions between two slices.
                await asyncio.sleep(0)
                await self._work.room()
            await self._hear(bytes(audio[start : start + step]))

    async def _hear(self, audio: bytes) -> None:
        effects, written = self._session.append(audio)
        if effects:
            self._perform(effects)
        self._listening.add(written)
        while (
            self._listening.waiting
            and (decision := await self._listening.next_decision()) is not None
        ):
            self._decided(decision)
        if self._listening.hears_echo:
            self._echo_heard()

    def _echo_heard(self) -> None:
        if self._hears_echo:
            return
        self._hears_echo = True
        self._log.hears_echo()
        if self._notify is not None:
            self._notify(EchoHeard())

    def _decided(self, decision: Decision) -> None:
        self._report_played()
        self._perform(self._session.heard(decision))

    def _tell_time(self) -> None:
        self._session.at(self._loop.time() * 1000)

    def _report_played(self) -> None:
        self._tell_time()
        for item_id, played_ms in self._peer.played().items():
            self._session.played(item_id, played_ms)

    # --- effects of the session ---------------------------------------------------------------

    def _perform(self, effects: list[Effect]) -> None:
        """Carry out effects in order; asynchronous ones are queued."""
        understood: list[TurnUnderstood] = []
        for effect in effects:
            match effect:
                case Send(event, To.ALL):
                    if isinstance(event, ItemTruncated):
                        self._listening.silenced()
                    self._log.observe(event)
                    self._peer.send(event)
                    if self._note is not None:
                        self._note(event)
                case Send(event, To.ASKER):
                    self._peer.reply(event)
                case OutputAudio() as audio:
                    self._listening.sent(audio.audio, audio.format)
                    self._log.played(audio.response_id, len(audio.audio))
                    self._peer.play(audio)
                case HearOn(audio):
                    self._recognition.hear(audio)
                case Silence():
                    self._listening.silenced()
                    self._peer.silence()
                case Duck(on):
                    self._peer.duck(on=on)
                case Close() as closing:
                    if not self._closing.done():
                        self._closing.set_result(closing)
                    self._peer.finish()
                case HearAs(audio_format, noise):
                    self._listening.reformat(audio_format, noise)
                    self._recognition.reformat(audio_format, noise)
                case SetTurnDetection(settings):
                    self._listening.configure(settings)
                case HearAgain(start_ms=start_ms, speaking=speaking):
                    self._listening.go_back(start_ms, speaking=speaking)
                case ResetTurnDetection():
                    self._listening.reset()
                case FollowSpeech(on):
                    self._listening.follow(on=on)
                case HearTurn(item_id, clip, settings):
                    self._recognition.begin(item_id, clip, settings)
                case WordsSoFar(text):
                    self._listening.heard_text(text)
                case GuessTurn(clip=clip, so_far=so_far):
                    self._recognition.guess(clip, so_far=so_far)
                case ResumeTurn(clip=clip):
                    self._responses.drop_held()
                    self._recognition.resume(clip)
                case RehearTurn(item_id, clip, settings):
                    self._recognition.forget(item_id)
                    self._recognition.begin(item_id, clip, settings)
                case ForgetTurn(item_id):
                    self._responses.drop_held()
                    self._recognition.forget(item_id)
                    self._log.unheard(item_id)
                case NoteEcho(item_id):
                    self._log.echoed(item_id)
                case Transcribe(item_id, clip, settings):
                    known = self._recognition.commit(item_id, clip, settings)
                    if known is not None:
                        understood.append(TurnUnderstood(item_id, known))
                case Speculate() as wanted:
                    self._work.put(partial(self._speculate, wanted))
                case StopSpeculating():
                    self._responses.drop_held()
                case Generate(request):
                    self._log.asked_for(request.response_id)
                    self._responses.expect(request)
                    self._work.put(partial(self._responses.generate, request))
                case StopGenerating(response_id):
                    self._responses.stop(response_id)
                case KeepMcpServers(servers):
                    self._tools.keep(servers)
                case ListMcpTools() as wanted:
                    self._tools.list(wanted)
                case CallMcpTool() as wanted:
                    self._tools.call(wanted)
                case StopMcpCalls(item_ids):
                    self._tools.stop(item_ids)
        for report in understood:
            self.report(report)

    async def _speculate(self, wanted: Speculate) -> None:
        if self._recognition.is_guess(wanted.item_id, wanted.text):
            await self._responses.speculate(wanted.request)

    async def _release(self, pipeline: RunningPipeline) -> None:
        await asyncio.gather(self._responses.close(), pipeline.stop(), self._tools.close())
        await self._pipelines.close()
        self._session.end()
