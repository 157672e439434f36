"""hibari in this process: a small neural voice for English, where its package is installed.

It sounds like a person and costs a hundredth of a core. Its package carries one voice, a US English
woman; the model tells apart what the vocal cords do and what the mouth does, so other people's
voices are made of hers: another pitch, and a larger or smaller mouth. Their words stay as clear
(a recogniser hears 1 to 2 % of them wrong, as with hers).

The model says a sentence at once, and knows nothing but English.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray

from audio.loudness import louder
from providers.in_process.onnx_outputs import with_output
from providers.in_process.packaged import PackageUnavailable, package_folder, sha256_of
from providers.tts.english_text import readable, short_pieces
from providers.tts.lead_in import KEPT_MS
from providers.tts.speech_engine import Emit, SpeechEngine, SynthesisError
from providers.tts.word_places import paired, word_places
from settings.installation import install_pinned
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
_DURATIONS = "/Cast_32_output_0"
"""How many frames each phoneme lasts, which the model does not put out by itself."""
_INSTALL = install_pinned("embedded")


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


class _Utterance(NamedTuple):
    """What the model says at once."""

    phonemes: str
    words: list[tuple[int, int]]
    """For each word that begins in it: how many characters of the text are before it, spaces not
    counted, and how many phonemes."""


class Hibari(SpeechEngine):
    """The engine; `load` builds it from a package that it has checked."""

    name = "hibari"
    sample_rate = RATE
    audible = _AUDIBLE
    tells_words = True

    def __init__(self, folder: Path) -> None:
        """Load the model and the dictionaries: .8 s.

        Args:
            folder: The package's.
        """
        super().__init__(min(_THREADS, os.cpu_count() or 1))
        # A model that is given is loaded as it is; for a voice that is named, the package might
        # go to the network.
        from hibari import dsp, tts
        from hibari.g2p.normalize import normalize

        model = with_output((folder / _MODEL).read_bytes(), _DURATIONS, "durations")
        self._hibari = tts.Hibari(model=model, threads=1)
        self._dsp = dsp
        self._normalize: Callable[[str], str] = normalize
        self._hibari.g2p("Dictionaries are read at the first use, xyzzyish.")

    def _speak(self, text: str, voice: str, rate_wpm: int | None, emit: Emit) -> None:
        timbre = VOICES.get(voice)
        if timbre is None:
            raise SynthesisError(f"hibari has no voice '{voice}', only {', '.join(VOICES)}.")
        pace = rate_wpm / NATURAL_RATE_WPM if rate_wpm else 1.0
        # The same text always sounds the same.
        noise = np.random.default_rng(len(text))
        for utterance in self._utterances(text):
            wave, starts = self._say(utterance.phonemes, timbre, pace, noise)
            pcm, cut = _pcm(wave, utterance.phonemes)
            words = [
                (before, max(0.0, float(starts[place]) - cut) * 1000 / RATE)
                for before, place in utterance.words
            ]
            if pcm and not emit(pcm, words):
                return

    def _utterances(self, text: str) -> Iterator[_Utterance]:
        """Cut `text` into what the model says at once."""
        said = readable(text)
        written = word_places(text)
        first_said = paired([word.text for word in written], said.split())
        done = 0
        for sentence in self._hibari.split_sentences(said):
            for piece in short_pieces(sentence):
                words = piece.split()
                phonemes, read = self._read(piece)
                if not phonemes:
                    done += len(words)
                    continue
                begins = [read[at][1] for at in paired(words, [word for word, _ in read])]
                places = [
                    (word.before, begins[at - done])
                    for word, at in zip(written, first_said, strict=True)
                    if done <= at < done + len(words)
                ]
                done += len(words)
                yield from _cut(phonemes, places)

    def _read(self, piece: str) -> tuple[str, list[tuple[str, int]]]:
        """Return a text's phonemes, and each of its words with the place where it begins there."""
        reader = self._hibari.g2p
        phonemes, word, start = "", "", 0
        words: list[tuple[str, int]] = []
        for token in reader.phonemize_tokens(reader.tokenize(self._normalize(piece))):
            word += token.text
            phonemes += reader.unk if token.phonemes is None else token.phonemes
            if token.whitespace:
                words.append((word, start))
                phonemes += " "
                word, start = "", len(phonemes)
        if word:
            words.append((word, start))
        skipped = len(phonemes) - len(phonemes.lstrip())
        return phonemes.strip(), [(word, max(0, start - skipped)) for word, start in words]

    def _say(
        self, phonemes: str, timbre: Timbre, pace: float, noise: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Return the sound of phonemes, and at which of its samples each of them begins."""
        vocabulary = self._hibari.vocab
        # The model knows not all signs, and begins with a pause.
        numbers = 1 + np.cumsum([0, *(sign in vocabulary for sign in phonemes)])
        ids = self._hibari.ids(phonemes)
        if len(ids) < 3:
            return np.zeros(0, dtype=np.float32), np.zeros(len(numbers))
        # To be played slower it is said faster. The model makes less of it than it is told, and
        # gabbles beyond 1.3.
        speed = pace * min(timbre.size**-1.7, 1.29)
        *spectrum, durations = self._run(ids, speed)
        if timbre.pitch != 1.0:
            spectrum = _at_pitch(spectrum, timbre.pitch)
        wave: NDArray[np.float32] = self._dsp.synth(*spectrum, noise)
        if timbre.size != 1.0:
            wave = soxr.resample(wave, RATE * timbre.size, RATE)
        begins = np.concatenate([[0.0], np.cumsum(durations, dtype=np.float64)])
        return wave, begins[numbers] * (len(wave) / max(begins[-1], 1.0))

    def _run(self, ids: list[int], speed: float) -> list[NDArray[np.float32]]:
        inputs = {
            "ids": np.asarray([ids], dtype=np.int64),
            "speed": np.asarray([speed], dtype=np.float32),
        }
        *outputs, durations = self._hibari.sess.run(None, inputs)
        return [*(output[0] for output in outputs), durations]


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


def _pcm(wave: NDArray[np.float32], phonemes: str) -> tuple[bytes, int]:
    """Return a piece as PCM: louder, without the silence around it, and with a pause behind it.

    Returns:
        The PCM, and how many samples were cut off its beginning.
    """
    samples = np.rint(louder(wave, _GAIN_DB) * 32767).astype("<i2")
    audible = np.flatnonzero(np.abs(samples.astype(np.int32)) > _AUDIBLE)
    if not len(audible):
        return b"", 0
    first = max(int(audible[0]) - RATE * KEPT_MS // 1000, 0)
    last = int(audible[-1]) + RATE * _pause_ms(phonemes) // 1000
    return samples[first:last].tobytes() + bytes(2 * max(last - len(samples), 0)), first


def _cut(phonemes: str, words: Sequence[tuple[int, int]]) -> Iterator[_Utterance]:
    """Cut phonemes into what the model takes at once, between words where there are any."""
    start = 0
    while len(phonemes) - start > _MAX_PHONEMES:
        end = phonemes.rfind(" ", start, start + _MAX_PHONEMES) + 1 or start + _MAX_PHONEMES
        yield _utterance(phonemes, words, start, end)
        start = end
    if start < len(phonemes):
        yield _utterance(phonemes, words, start, len(phonemes))


def _utterance(phonemes: str, words: Sequence[tuple[int, int]], start: int, end: int) -> _Utterance:
    within = [(before, place - start) for before, place in words if start <= place < end]
    return _Utterance(phonemes[start:end].rstrip(), within)


def _pause_ms(phonemes: str) -> int:
    said = phonemes.rstrip(_CLOSERS)
    if said.endswith(_SENTENCE_END):
        return _SENTENCE_PAUSE_MS
    return _CLAUSE_PAUSE_MS if said.endswith(_CLAUSE_END) else _NO_PAUSE_MS
