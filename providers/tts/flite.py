"""flite's `slt` voice in this process: the clearest voice that needs no download, if installed.

flite is no Python package; it comes with the operating system (Debian: `apt install flite`) and may
be absent. Its voice is one object per process that also holds the streaming callback, so it is
loaded once and speaks one text at a time.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import threading
import unicodedata

from providers.tts.speech_engine import Emit, SpeechEngine, SynthesisError

VOICE = "slt"
"""The one voice: a US English woman."""
NATURAL_RATE_WPM = 180
"""The voice's own rate in words per minute."""

_CHUNK_SAMPLES = 480
"""Least samples per callback: 30 ms; the first comes once the whole text has been analysed."""
_CONTINUE, _STOP = 0, -1

_SPELLED = str.maketrans(
    {
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "–": ", ",
        "—": ", ",
        "…": ".",
        "€": " euros ",
        "£": " pounds ",
        "¥": " yen ",
        "°": " degrees ",
        "×": " times ",
        "÷": " divided by ",
        "ß": "ss",
        "æ": "ae",
        "Æ": "Ae",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
    }
)

_speaking = threading.Lock()
"""Held while a text is spoken: rate and callback are set on the one voice of the process."""


class _Wave(ctypes.Structure):
    """`cst_wave` of flite 2's cst_wave.h."""

    _fields_ = (
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.c_void_p),
    )


class _Voice(ctypes.Structure):
    """The beginning of `cst_voice` of flite 2's cst_voice.h."""

    _fields_ = (("name", ctypes.c_char_p), ("features", ctypes.c_void_p))


_StreamCallback = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.POINTER(_Wave),
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_void_p,
)


class _StreamingInfo(ctypes.Structure):
    """`cst_audio_streaming_info` of flite 2's cst_audio.h."""

    _fields_ = (
        ("min_buffsize", ctypes.c_int),
        ("asc", _StreamCallback),
        ("utt", ctypes.c_void_p),
        ("item", ctypes.c_void_p),
        ("userdata", ctypes.c_void_p),
    )


class Flite(SpeechEngine):
    """The engine. Get it with `find`; several instances share the one voice."""

    name = "flite"
    sample_rate = 16000

    def __init__(self, core: str, voice: str) -> None:
        """Load the libraries.

        Args:
            core: File name or path of libflite.
            voice: File name or path of libflite_cmu_us_slt.

        Raises:
            SynthesisError: The libraries cannot be loaded, or are not of flite 2.
        """
        super().__init__()
        self._library, self._voice, self._streaming = _load(core, voice)

    def _speak(self, text: str, voice: str, rate_wpm: int | None, emit: Emit) -> None:
        if voice != VOICE:
            raise SynthesisError(f"flite has no voice '{voice}', only '{VOICE}'.")

        def on_audio(
            wave: ctypes._Pointer[_Wave], start: int, size: int, _last: int, _info: int
        ) -> int:
            if size <= 0:
                return _CONTINUE
            pcm = ctypes.string_at(wave.contents.samples + start * 2, size * 2)
            return _CONTINUE if emit(pcm) else _STOP

        # Kept in a variable: flite calls it until `flite_text_to_wave` returns.
        callback = _StreamCallback(on_audio)
        stretch = NATURAL_RATE_WPM / rate_wpm if rate_wpm else 1.0
        with _speaking:
            self._streaming.contents.asc = callback
            self._library.flite_feat_set_float(
                self._voice.contents.features, b"duration_stretch", stretch
            )
            wave = self._library.flite_text_to_wave(to_ascii(text).encode(), self._voice)
            if wave:
                self._library.delete_wave(wave)
        if not wave:
            raise SynthesisError("flite could not speak the text.")


def find() -> Flite | None:
    """Return the engine, or None where the system has no flite with the `slt` voice."""
    core = ctypes.util.find_library("flite")
    voice = ctypes.util.find_library("flite_cmu_us_slt")
    if core is None or voice is None:
        return None
    try:
        return Flite(core, voice)
    except SynthesisError:
        return None


def to_ascii(text: str) -> str:
    """Transliterate Latin text to ASCII, which is all that flite knows."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    return decomposed.encode("ascii", "ignore").decode().replace("\0", " ")


@functools.cache
def _load(
    core: str, voice: str
) -> tuple[ctypes.CDLL, ctypes._Pointer[_Voice], ctypes._Pointer[_StreamingInfo]]:
    """Load the libraries and make the voice stream."""
    try:
        # The voice's library refers to symbols of the core on systems that do not link them.
        library = ctypes.CDLL(core, mode=ctypes.RTLD_GLOBAL)
        register = ctypes.CDLL(voice).register_cmu_us_slt
        library.flite_feat_set.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
        library.flite_feat_set_float.argtypes = (
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.c_float,
        )
        library.new_audio_streaming_info.restype = ctypes.POINTER(_StreamingInfo)
        library.audio_streaming_info_val.argtypes = (ctypes.POINTER(_StreamingInfo),)
        library.audio_streaming_info_val.restype = ctypes.c_void_p
        library.flite_text_to_wave.argtypes = (ctypes.c_char_p, ctypes.POINTER(_Voice))
        library.flite_text_to_wave.restype = ctypes.POINTER(_Wave)
        library.delete_wave.argtypes = (ctypes.POINTER(_Wave),)
        library.delete_wave.restype = None
        initialise = library.flite_init
    except (OSError, AttributeError) as error:
        raise SynthesisError(f"flite cannot be loaded: {error}") from error
    register.argtypes = (ctypes.c_char_p,)
    register.restype = ctypes.POINTER(_Voice)
    initialise()
    slt = register(None)
    if not slt:
        raise SynthesisError("flite cannot register its voice slt.")
    streaming = library.new_audio_streaming_info()
    streaming.contents.min_buffsize = _CHUNK_SAMPLES
    library.flite_feat_set(
        slt.contents.features,
        b"streaming_info",
        library.audio_streaming_info_val(streaming),
    )
    return library, slt, streaming
