"""When did speech start, and when did it stop? Silero scores windows, a detector decides.

The model that Pipecat ships is loaded once per process; a session holds only the model's memory
of its own audio. Decisions fall on a grid of 32 ms windows counted from the first sample of the
session, so the same audio always gives the same offsets, however it was chunked (§E).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from config import AudioConfig

SAMPLE_RATE: int = AudioConfig().INTERNAL_SAMPLE_RATE
WINDOW_SAMPLES = 512
WINDOW_BYTES = WINDOW_SAMPLES * 2
WINDOW_MS = 32

START_WINDOWS = 3
"""Voiced windows in a row that make an onset: a click or a cough is shorter than 96 ms."""
HYSTERESIS = 0.15
"""Speech ends this far below the threshold at which it began, as Silero's authors advise."""

SEMANTIC_THRESHOLD = 0.5
"""Probability of speech that counts under `semantic_vad`, which has no threshold of its own."""
JUDGE_AFTER_MS = 200
"""Pause after which Smart Turn is asked: it was trained on turns that end with one."""
_CEILINGS_MS = {"low": 8000, "medium": 4000, "high": 2000, "auto": 4000}
_COMPLETE_FROM = {"low": 0.7, "medium": 0.5, "high": 0.3, "auto": 0.5}

_CONTEXT_SAMPLES = 64
# Silero loses its ear after a long stretch without speech. As in Pipecat's own analyzer, its
# memory is wiped every 2 s of clear non-speech.
_RESET_WINDOWS = 2000 // WINDOW_MS
_RESET_BELOW = 0.1
_RESET_QUIET_WINDOWS = 5


class SileroModel:
    """The Silero VAD inside the pipecat-ai package, shared by all sessions of the process."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = 1
        options.intra_op_num_threads = 1
        path = files("pipecat.audio.vad.data").joinpath("silero_vad.onnx")
        self._session = onnxruntime.InferenceSession(
            str(path), providers=["CPUExecutionProvider"], sess_options=options
        )
        self._rate = np.array(SAMPLE_RATE, dtype=np.int64)

    def run(
        self, samples: NDArray[np.float32], state: NDArray[np.float32]
    ) -> tuple[float, NDArray[np.float32]]:
        """Score one window of one stream.

        Args:
            samples: 64 samples of context and the 512 of the window, shape (1, 576), in [-1, 1].
            state: The stream's memory, shape (2, 1, 128).

        Returns:
            The probability of speech and the stream's new memory.
        """
        outputs: list[Any] = self._session.run(
            None, {"input": samples, "state": state, "sr": self._rate}
        )
        return float(outputs[0][0][0]), outputs[1]


class VoiceStream:
    """One session's use of the model: what it remembers of the audio so far."""

    def __init__(self, model: SileroModel) -> None:
        self._model = model
        self.reset()

    def reset(self) -> None:
        """Forget all audio."""
        self._state: NDArray[np.float32] = np.zeros((2, 1, 128), dtype=np.float32)
        self._context: NDArray[np.float32] = np.zeros(_CONTEXT_SAMPLES, dtype=np.float32)
        self._windows = 0
        self._quiet = 0

    def score(self, window: bytes, *, speaking: bool) -> float:
        """Return the probability (0–1) that a 512-sample window of 16 kHz PCM is speech.

        Args:
            window: 1,024 bytes.
            speaking: Whether speech is in progress, during which the memory is never wiped.
        """
        samples = np.frombuffer(window, dtype="<i2").astype(np.float32) / 32768.0
        joined = np.concatenate((self._context, samples))
        probability, self._state = self._model.run(joined[np.newaxis], self._state)
        self._context = samples[-_CONTEXT_SAMPLES:]
        self._windows += 1
        self._quiet = self._quiet + 1 if probability < _RESET_BELOW else 0
        if not speaking and self._windows >= _RESET_WINDOWS and self._quiet >= _RESET_QUIET_WINDOWS:
            self.reset()
        return probability


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began at the start of the window at `onset_ms`."""

    onset_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """Enough silence was heard; it ends at `end_ms`."""

    end_ms: int


@dataclass(frozen=True, slots=True)
class SpeechHesitated:
    """A pause up to `at_ms` is long enough to guess that the turn may be over."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """Speech goes on after all, since `at_ms`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """A pause has lasted long enough to ask whether the turn is over; it lasts up to `at_ms`."""

    at_ms: int


Decision = SpeechStarted | SpeechStopped | SpeechHesitated | SpeechResumed | SpeechPaused


class SpeechDetector:
    """Turns probabilities into onsets and offsets: a pure state machine on the 32 ms grid."""

    def __init__(
        self,
        threshold: float,
        silence_ms: int,
        *,
        hesitate_after_ms: int | None = None,
        judge_after_ms: int | None = None,
        speaking: bool = False,
    ) -> None:
        """Start in silence, or in the middle of speech.

        Args:
            threshold: Probability from which a window is voiced (0–1).
            silence_ms: Silence that ends speech, in milliseconds; rounded up to windows.
            hesitate_after_ms: Pause after which `SpeechHesitated` invites a guess; None: never.
            judge_after_ms: Pause after which `SpeechPaused` asks for a judgement; None: never.
            speaking: Whether speech has begun already.
        """
        self._threshold = threshold
        self._exit_threshold = max(threshold - HYSTERESIS, 0.01)
        self._longest_windows = _windows(silence_ms)
        self._silence_windows = self._longest_windows
        self._hesitate_windows = None if hesitate_after_ms is None else _windows(hesitate_after_ms)
        self._judge_windows = None if judge_after_ms is None else _windows(judge_after_ms)
        self._hesitating = False
        self._voiced = 0
        self._silent = 0
        self.speaking = speaking

    def next(self, index: int, probability: float) -> Decision | None:
        """Take the score of window `index`, counted from the first of the session."""
        if not self.speaking:
            self._voiced = self._voiced + 1 if probability >= self._threshold else 0
            if self._voiced < START_WINDOWS:
                return None
            self.speaking = True
            self._silent = 0
            return SpeechStarted((index + 1 - START_WINDOWS) * WINDOW_MS)
        if probability >= self._exit_threshold:
            self._silent = 0
            self._silence_windows = self._longest_windows
            if not self._hesitating:
                return None
            self._hesitating = False
            return SpeechResumed(index * WINDOW_MS)
        self._silent += 1
        if self._silent >= self._silence_windows:
            return self._stop(index)
        if self._silent == self._judge_windows:
            return SpeechPaused((index + 1) * WINDOW_MS)
        if self._silent == self._hesitate_windows:
            self._hesitating = True
            return SpeechHesitated((index + 1) * WINDOW_MS)
        return None

    def judged(self, index: int, silence_ms: int) -> SpeechStopped | None:
        """Take the judgement on the pause at window `index`.

        Args:
            index: The window that was answered with `SpeechPaused`.
            silence_ms: How long this pause, all of it, must last to end the turn.
        """
        self._silence_windows = _windows(silence_ms)
        return self._stop(index) if self._silent >= self._silence_windows else None

    def _stop(self, index: int) -> SpeechStopped:
        self.speaking = False
        self._hesitating = False
        self._voiced = 0
        self._silence_windows = self._longest_windows
        return SpeechStopped((index + 1) * WINDOW_MS)


class TurnDetector:
    """Cuts a session's 16 kHz audio into windows and says where speech starts and stops."""

    def __init__(self, model: SileroModel, hesitate_after_ms: int | None = None) -> None:
        """Listen with `model`; see `SpeechDetector` for the other argument."""
        self._stream = VoiceStream(model)
        self._hesitate_after_ms = hesitate_after_ms
        self._detector: SpeechDetector | None = None
        self._settings: dict[str, Any] | None = None
        self._pending = bytearray()
        self._index = 0

    def configure(self, settings: dict[str, Any] | None) -> None:
        """Use these `turn_detection` settings (§C.4) from here on; None switches it off.

        Speech in progress stays in progress: its turn is open, and somebody has to end it.
        """
        self._settings = settings
        if settings is None or self._detector is None:
            self.reset()
        else:
            self._detector = self._build(settings, speaking=self._detector.speaking)

    def reset(self) -> None:
        """Forget the speech in progress. The grid, and so the offsets, go on."""
        self._stream.reset()
        self._detector = None if self._settings is None else self._build(self._settings)

    def push(self, pcm: bytes) -> Iterator[Decision]:
        """Take audio of any length; yield what is decided on it, in order.

        After `SpeechPaused` the caller may call `judged` before it goes on.
        """
        self._pending += pcm
        while len(self._pending) >= WINDOW_BYTES:
            window = bytes(self._pending[:WINDOW_BYTES])
            del self._pending[:WINDOW_BYTES]
            if self._detector is not None:
                speaking = self._detector.speaking
                score = self._stream.score(window, speaking=speaking)
                decision = self._detector.next(self._index, score)
                if decision is not None:
                    yield decision
            self._index += 1

    def judged(self, completeness: float) -> SpeechStopped | None:
        """Say how likely (0–1) the turn is over at the pause that `push` has just yielded.

        A turn that sounds complete ends at once; any other pause must last the longer, the less
        complete it sounds, up to the ceiling of the session's eagerness (§C.4).
        """
        if self._detector is None or self._settings is None:
            return None
        eagerness = self._settings["eagerness"]
        complete = completeness >= _COMPLETE_FROM[eagerness]
        silence_ms = 0 if complete else round(_CEILINGS_MS[eagerness] * (1 - completeness))
        return self._detector.judged(self._index, silence_ms)

    def _build(self, settings: dict[str, Any], *, speaking: bool = False) -> SpeechDetector:
        if settings["type"] == "semantic_vad":
            return SpeechDetector(
                SEMANTIC_THRESHOLD,
                _CEILINGS_MS[settings["eagerness"]],
                hesitate_after_ms=self._hesitate_after_ms,
                judge_after_ms=JUDGE_AFTER_MS,
                speaking=speaking,
            )
        return SpeechDetector(
            settings["threshold"],
            settings["silence_duration_ms"],
            hesitate_after_ms=self._hesitate_after_ms,
            speaking=speaking,
        )


def _windows(ms: int) -> int:
    return max(1, -(-ms // WINDOW_MS))
