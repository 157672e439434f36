"""Silero VAD, which scores how likely a window of audio is speech: one copy per process.

A session holds only the model's recurrent state of its own audio. One call takes windows of many
sessions; a session's scores are the same to the last bit, however many others there are.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from turn_detection.silero_network import MEMORY, SileroNetwork

WINDOW_SAMPLES = 512
WINDOW_MS = 32

CONTEXT_SAMPLES = 64
"""End of the previous window, which the model takes in front of each window."""

# Silero becomes insensitive after a long stretch without speech. As in Pipecat's own analyzer, its
# state is reset every 2 s of clear non-speech.
_RESET_WINDOWS = 2000 // WINDOW_MS
_RESET_BELOW = 0.1
_RESET_QUIET_WINDOWS = 5

Window = NDArray[np.float32]
"""512 samples in [-1, 1]."""
Memory = NDArray[np.float32]
"""The model's recurrent state for one stream, 256 numbers; never modified in place."""


class Score(NamedTuple):
    """The model's result for one window."""

    probability: float
    """Probability of speech, 0–1."""
    memory: Memory
    """The state with which the stream's next window is scored."""


class SileroModel:
    """The Silero VAD, shared by all sessions of the process."""

    def __init__(self) -> None:
        self._network = SileroNetwork()
        self.silence = silence_by_heart(self)

    def run(
        self, samples: NDArray[np.float32], memories: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Score one window per stream.

        Args:
            samples: 64 samples of context and the 512 of the window, shape (streams, 576), in
                [-1, 1].
            memories: The streams' states, shape (streams, 256).

        Returns:
            The probabilities of speech, shape (streams,), and the new states.
        """
        network = self._network
        if len(samples) <= network.at_once:
            return network.run(samples, memories)
        parts = [
            network.run(samples[start:end], memories[start:end])
            for start in range(0, len(samples), network.at_once)
            for end in [start + network.at_once]
        ]
        return (
            np.concatenate([probabilities for probabilities, _ in parts]),
            np.concatenate([after for _, after in parts]),
        )


@functools.cache
def shared_silero() -> SileroModel:
    """Return the process's copy of the model; the first call loads it."""
    return SileroModel()


class VoiceStream:
    """One session's use of the model: its recurrent state and context."""

    def __init__(self, model: SileroModel) -> None:
        self._model = model
        self.wipe()

    def wipe(self) -> None:
        """Reset the state and the context."""
        self.memory: Memory = _BLANK
        self.context: NDArray[np.float32] = _NO_CONTEXT
        self._windows = 0
        self._quiet = 0
        self._only_silence = True

    def recall_silence(self) -> Score | None:
        """Return the known score of a window of digital silence; None: it has to be computed.

        It is known while all windows since the last wipe were digital silence, because then the
        states are always the same.
        """
        known = self._model.silence
        if self._only_silence and self._windows < len(known):
            return known[self._windows]
        return None

    def hear(self, window: Window, score: Score, *, speaking: bool) -> None:
        """Advance past a window.

        Args:
            window: The window.
            score: Its score.
            speaking: Whether speech was in progress before it; then the state is not reset.
        """
        self._only_silence = False
        self.context = window[-CONTEXT_SAMPLES:]
        self._scored(score, speaking)

    def hear_silence(self, score: Score, *, speaking: bool) -> None:
        """Advance past a window whose score came from `recall_silence`."""
        self._scored(score, speaking)

    def _scored(self, score: Score, speaking: bool) -> None:
        self.memory = score.memory
        self._windows += 1
        self._quiet = self._quiet + 1 if score.probability < _RESET_BELOW else 0
        if not speaking and self._windows >= _RESET_WINDOWS and self._quiet >= _RESET_QUIET_WINDOWS:
            self.wipe()


def score_together(
    model: SileroModel, streams: Sequence[VoiceStream], windows: Sequence[Window]
) -> list[Score]:
    """Score the next window of each stream, in one call of the model."""
    heard = [
        part for pair in zip(streams, windows, strict=True) for part in (pair[0].context, pair[1])
    ]
    samples = np.concatenate(heard).reshape(len(streams), -1)
    memories = np.concatenate([stream.memory for stream in streams]).reshape(len(streams), -1)
    probabilities, after = model.run(samples, memories)
    # A view would keep the whole array alive as long as one stream uses its row.
    return [
        Score(probability, memory.copy())
        for probability, memory in zip(probabilities.tolist(), after, strict=True)
    ]


def silence_by_heart(model: SileroModel) -> tuple[Score, ...]:
    """Return the scores of successive windows of digital silence, from the initial state on.

    There are as many as windows pass before a silent stream is wiped and starts over.
    """
    scores: list[Score] = []
    stream = VoiceStream(model)
    window: Window = np.zeros(WINDOW_SAMPLES, dtype=np.float32)
    for _ in range(_RESET_WINDOWS):
        (score,) = score_together(model, [stream], [window])
        stream.hear(window, score, speaking=True)
        scores.append(score)
    return tuple(scores)


_BLANK: Memory = np.zeros(MEMORY, dtype=np.float32)
_BLANK.flags.writeable = False
SILENCE: Window = np.zeros(WINDOW_SAMPLES, dtype=np.float32)
"""A window of digital silence."""
SILENCE.flags.writeable = False
_NO_CONTEXT: NDArray[np.float32] = np.zeros(CONTEXT_SAMPLES, dtype=np.float32)
