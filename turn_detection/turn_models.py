"""The models of turn detection, Silero and Smart Turn: loaded once, shared by all sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from audio.pcm import WIRE_RATE
from config import TurnsConfig, VADConfig
from session.decisions import Decision
from turn_detection.batched_scoring import VoiceScoring
from turn_detection.echo_guard import EchoGuard
from turn_detection.observed_detector import ObservedTurnDetector, Observer
from turn_detection.silero import SileroModel, shared_silero
from turn_detection.smart_turn import Question, SmartTurnModel, SmartTurnQueue, Sound
from turn_detection.turn_detector import TurnDetector

_NOT_STARTED = "PipelineManager.start() must come before the first session."


class _Loaded:
    """The models themselves, once they are loaded."""

    silero: SileroModel | None = None
    scoring: VoiceScoring | None = None
    smart_turn: SmartTurnQueue | None = None


class TurnModels:
    """The models that all turn detectors of the process share, and what one stack wants of them."""

    def __init__(
        self, settings: VADConfig, turns: TurnsConfig, shared: TurnModels | None = None
    ) -> None:
        """Prepare; `start` loads the models.

        Args:
            settings: Of the detectors.
            turns: Whether they know the server's own voice.
            shared: Those of another stack, which loads the models and releases them; None: there
                is no other.
        """
        self._settings = settings
        self._guards = turns.echo_guard
        self._loads = shared is None
        self._loaded: _Loaded = _Loaded() if shared is None else shared._loaded

    async def start(self) -> None:
        """Load the models, off the event loop."""
        if not self._loads:
            return
        self._loaded.silero = await asyncio.to_thread(shared_silero)
        self._loaded.scoring = VoiceScoring(self._loaded.silero)
        model = await asyncio.to_thread(SmartTurnModel)
        self._loaded.smart_turn = SmartTurnQueue(model.completeness)

    def close(self) -> None:
        """Release what `start` loaded."""
        if self._loads and self._loaded.smart_turn is not None:
            self._loaded.smart_turn.close()

    def create_detector(self, observe: Observer | None = None) -> TurnDetector:
        """Build the turn detector of one session.

        Args:
            observe: Is told what it hears; None: nobody is.

        Raises:
            RuntimeError: The models are not loaded.
        """
        silero = self._loaded.silero
        if silero is None:
            raise RuntimeError(_NOT_STARTED)
        guess_after_ms = self._settings.speculate_after_ms if self._settings.speculative else None
        guard = EchoGuard() if self._guards else None
        if observe is not None:
            return ObservedTurnDetector(silero, guess_after_ms, WIRE_RATE, observe, guard)
        return TurnDetector(silero, guess_after_ms, WIRE_RATE, guard)

    def next_decision(self, detector: TurnDetector) -> Awaitable[Decision | None]:
        """Return a detector's next decision; see `VoiceScoring.next_decision`."""
        if self._loaded.scoring is None:
            raise RuntimeError(_NOT_STARTED)
        return self._loaded.scoring.next_decision(detector)

    def ask(self, sound: Sound) -> Question:
        """Ask whether a turn is over at a pause; see `SmartTurnQueue.ask`."""
        if self._loaded.smart_turn is None:
            raise RuntimeError(_NOT_STARTED)
        return self._loaded.smart_turn.ask(sound)
