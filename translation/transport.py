"""Connects a client, a translation session and its pipelines (§B.14).

It moves audio from the peer to the turn detector and the recogniser, clauses to the model and the
voice, and what they make to the peer. All decisions are the session's (`translation/session.py`).
What the client plays of the translation is not listened for: its speaker goes on meanwhile, and
would be taken for an echo as often as not.
"""

from __future__ import annotations

import asyncio
from functools import partial

from answering.runner import ResponseRunner
from audio.clip import Clip
from audio.pcm import duration_ms
from flow.steps import in_turns
from flow.work_queue import WorkQueue
from hearing.listening import SLICE_MS, Listening
from hearing.session_recogniser import SessionRecogniser
from peers.base import AppendedAudio, Peer
from peers.serving import serve
from pipeline_manager import PipelineManager
from providers.running_pipeline import RunningPipeline
from session.effects import (
    Close,
    Generate,
    GuessTurn,
    HearAs,
    HearOn,
    HearTurn,
    OutputAudio,
    ResumeTurn,
    Send,
    SetTurnDetection,
    To,
    Transcribe,
)
from session.reports import Report, TextMade, TurnFailed, TurnUnderstood
from settings.localisation import in_english
from telemetry.clause_log import ClauseLog
from translation.session import ClauseCut, ClauseOver, Effect, TranslationSession
from translation.settings import TranslationSettings
from translation.source_audio import AS_SPOKEN, WHOLE_TURNS
from translation.speaking import Sound
from wire.envelope import encode_audio, error_event
from wire.errors import ProtocolError
from wire.media import Media
from wire.translation_events import TranslatedAudioDelta


class TranslationTransport:
    """Connects one client, one translation session and its pipelines."""

    def __init__(
        self,
        settings: TranslationSettings,
        manager: PipelineManager,
        log: ClauseLog,
        peer: Peer,
    ) -> None:
        """Prepare; nothing runs before `run`.

        Args:
            settings: The session's settings.
            manager: Builds the pipelines.
            log: Logs the session's clauses.
            peer: The client.

        Raises:
            ProviderSetupError: The recogniser's class is not supported.
        """
        self._settings = settings
        self._manager = manager
        self._log = log
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._closing: asyncio.Future[Close] = self._loop.create_future()
        """Why the session is over; once it is set, the peer takes nothing more."""
        self._work = WorkQueue()
        self._recogniser = SessionRecogniser(
            manager.create_stt(),
            manager.stt,
            self._work,
            self.report,
            log.failed,
            noise_reduced=manager.recogniser_noise_reduced,
            patience_s=manager.settings.stt.timeout_s,
            stack=manager.tables("stt"),
        )
        self._recognition = self._recogniser.turns
        longest = AS_SPOKEN if self._recogniser.as_spoken else WHOLE_TURNS
        self._session = TranslationSession(settings, longest)
        self._listening = Listening(manager.turn_models, _nothing_recent)
        self._room = asyncio.Event()
        """Set while so few clauses wait that more may be heard."""
        self._room.set()
        self._responses = ResponseRunner(manager, self.report, peer, log)

    async def run(self) -> str:
        """Serve the client until the session ends.

        Returns:
            Why the session ended, for the log.
        """
        with in_english():
            return await self._serve()

    async def _serve(self) -> str:
        pipeline = self._recogniser.start(self._manager.hearing_pipeline, self._log.tracing())
        expiry = self._loop.call_later(self._session.lifetime_s, self.expire)
        try:
            reason = await serve(self._peer, self._work, self.report, self._receive, self._closing)
        finally:
            expiry.cancel()
            await asyncio.shield(self._release(pipeline))
        return self._peer.left or reason

    def expire(self) -> None:
        """End the session as its time is up."""
        self._perform(self._session.expire())

    def leave(self, grace_s: float) -> None:
        """Translate what was said so far and end the session, at the latest in `grace_s` s."""
        self._loop.call_later(grace_s, self._go_away)
        self._perform(self._session.leave())

    def report(self, report: Report) -> None:
        """Take a report of the recogniser's or a clause's pipeline, or of the playback."""
        if isinstance(report, TurnUnderstood | TurnFailed):
            self._log.uttered()
        elif isinstance(report, TextMade):
            self._log.written(report.response_id)
        self._perform(self._session.report(report))

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
                waiting += came.audio
                if not self._listening.can_wait(len(waiting)):
                    audio, waiting = waiting, b""
                    await self._append(audio)
                continue
            if waiting:
                await self._append(waiting)
                waiting = b""
            if isinstance(came, ProtocolError):
                self._perform([Send(error_event(came), To.ASKER)])
            else:
                self._perform(await in_turns(self._session.take(came)))

    async def _append(self, audio: bytes) -> None:
        """Take appended audio slice by slice, and slow a client that is too fast."""
        if not self._session.hears:
            return
        audio_s = len(audio) / self._listening.format.bytes_per_ms / 1000
        self._log.appended(audio_s)
        step = SLICE_MS * self._listening.format.bytes_per_ms
        for start in range(0, len(audio), step):
            if start:
                # The event loop runs other sessions between two slices.
                await asyncio.sleep(0)
                await self._work.room()
            await self._room.wait()
            await self._hear(audio[start : start + step])
        await self._peer.pace(audio_s)

    async def _hear(self, audio: bytes) -> None:
        effects, written = self._session.append(audio)
        self._perform(effects)
        self._listening.add(written)
        while (
            self._listening.waiting
            and (decision := await self._listening.next_decision()) is not None
        ):
            self._perform(self._session.heard(decision))

    # --- effects of the session ---------------------------------------------------------------

    def _perform(self, effects: list[Effect]) -> None:
        """Carry out effects in order; asynchronous ones are queued."""
        understood: list[TurnUnderstood] = []
        for effect in effects:
            match effect:
                case Send(event, To.ALL):
                    self._peer.send(event)
                case Send(event, To.ASKER):
                    self._peer.reply(event)
                case Sound():
                    self._play(effect)
                case Close():
                    if not self._closing.done():
                        self._closing.set_result(effect)
                    self._peer.finish()
                case HearAs(audio_format, noise):
                    self._listening.reformat(audio_format, noise)
                    self._recognition.reformat(audio_format, noise)
                case SetTurnDetection(detection):
                    self._listening.configure(detection)
                case HearTurn(utterance_id, clip, wishes):
                    self._recognition.begin(utterance_id, clip, wishes)
                case HearOn(audio):
                    self._recognition.hear(audio)
                case GuessTurn(clip=clip):
                    self._recognition.guess(clip)
                case ResumeTurn(clip=clip):
                    self._recognition.resume(clip)
                case Transcribe(utterance_id, clip, wishes):
                    known = self._recognition.commit(utterance_id, clip, wishes)
                    if known is not None:
                        understood.append(TurnUnderstood(utterance_id, known))
                case ClauseCut(clause_id, age_ms):
                    self._log.cut(clause_id, age_ms)
                case Generate(request):
                    self._responses.expect(request)
                    self._work.put(partial(self._responses.generate, request))
                case ClauseOver(clause_id, error):
                    if error is not None:
                        self._log.failed(error)
                    self._log.over(clause_id, error)
                    self._responses.stop(clause_id)
        for report in understood:
            self.report(report)
        if self._session.has_room:
            self._room.set()
        else:
            self._room.clear()

    def _play(self, sound: Sound) -> None:
        self._log.sounded(sound.clause_id, duration_ms(sound.pcm) / 1000)
        if self._settings.media is Media.TRACKS:
            self._peer.play(OutputAudio(sound.clause_id, sound.clause_id, 0, 0, sound.pcm))
        else:
            self._peer.send(TranslatedAudioDelta(encode_audio(sound.pcm), sound.elapsed_ms))

    async def _release(self, pipeline: RunningPipeline) -> None:
        await asyncio.gather(self._responses.close(), pipeline.stop())


def _nothing_recent(_last_ms: int, _until_ms: int) -> Clip:
    """Return the last of the open turn, which only `semantic_vad` asks for."""
    raise AssertionError("pauses of a translation session are judged by their length alone")
