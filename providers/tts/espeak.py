"""espeak-ng in this process: every language, no download, the first sound within a millisecond.

The library and its data come from the `espeakng_loader` package. The library holds its voice,
rate and callback in globals, so it is loaded once per process and one text is spoken at a time.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from providers.tts.speech_engine import Emit, SpeechEngine, SynthesisError
from providers.tts.word_places import WordsByPosition

DEFAULT_VOICE = "gmw/en-US+f2"
"""The US English voice that is the most intelligible, measured with a recogniser."""
DEFAULT_RATE_WPM = 150
"""Words per minute; espeak's own 175 is harder to follow."""

_OUTPUT_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_RATE = 1
_CHARS_UTF8 = 0x0001
_END_PAUSE = 0x1000
_POSITION_CHARACTER = 1
_OK = 0
_PAUSES = tuple(".,;:!?…。，、；：！？।؟؛")
_CLOSERS = "\"')]}»”’」』）】"

_NO_MORE_EVENTS, _WORD = 0, 1


class _Event(ctypes.Structure):
    """`espeak_EVENT` of espeak-ng's speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_AudioCallback = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.POINTER(ctypes.c_short),
    ctypes.c_int,
    ctypes.POINTER(_Event),
)

_speaking = threading.Lock()
"""Held while a text is spoken: the library's voice, rate and callback are global."""


class _VoiceRecord(ctypes.Structure):
    """`espeak_VOICE` of espeak-ng's speak_lib.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


@dataclass(frozen=True, slots=True)
class EspeakVoice:
    """A voice as espeak lists it."""

    identifier: str
    """Path below `lang`, such as `gmw/en-US`: what `synthesize` takes, plus `+variant`."""
    name: str
    """For people, such as `English (America)`."""
    languages: tuple[tuple[int, str], ...]
    """(priority, language tag) pairs; a smaller number is a better match."""


class Espeak(SpeechEngine):
    """The engine. Several instances share the one library, each with its own thread."""

    name = "espeak-ng"
    tells_words = True

    def __init__(self) -> None:
        """Load the library.

        Raises:
            ModuleNotFoundError: `espeakng_loader` is not installed.
            SynthesisError: The library or its data cannot be loaded.
        """
        super().__init__()
        self._library, self.sample_rate = _load()

    def list_voices(self) -> tuple[EspeakVoice, ...]:
        """Return every voice of every language, without variants."""
        found = []
        with _speaking:
            records = self._library.espeak_ListVoices(None)
            index = 0
            while records[index]:
                record = records[index].contents
                found.append(
                    EspeakVoice(
                        record.identifier.decode(),
                        record.name.decode(),
                        tuple(_languages(record.languages)),
                    )
                )
                index += 1
        return tuple(found)

    def _speak(self, text: str, voice: str, rate_wpm: int | None, emit: Emit) -> None:
        said = text.replace("\0", " ")
        places = WordsByPosition(said)
        made = 0

        def on_audio(
            samples: ctypes._Pointer[ctypes.c_short],
            count: int,
            events: ctypes._Pointer[_Event],
        ) -> int:
            nonlocal made
            if not samples or count <= 0:
                return 0
            words = [
                (before, (sample - made) * 1000 / self.sample_rate)
                for position, sample in _word_events(events)
                if (before := places.find(position)) is not None
            ]
            made += count
            return int(not emit(ctypes.string_at(samples, count * 2), words))

        # Kept in a variable, as the library calls it until `espeak_Synth` returns.
        callback = _AudioCallback(on_audio)
        encoded = said.encode()
        # Punctuation makes a pause within a text but not at its end. Clauses are texts of their
        # own, so the pause at the end of one is added here.
        pause = _END_PAUSE if text.rstrip().rstrip(_CLOSERS).endswith(_PAUSES) else 0
        with _speaking:
            self._library.espeak_SetSynthCallback(callback)
            if self._library.espeak_SetVoiceByName(voice.encode()) != _OK:
                raise SynthesisError(f"espeak-ng has no voice '{voice}'.")
            self._library.espeak_SetParameter(_RATE, rate_wpm or DEFAULT_RATE_WPM, 0)
            status = self._library.espeak_Synth(
                encoded,
                len(encoded) + 1,
                0,
                _POSITION_CHARACTER,
                0,
                _CHARS_UTF8 | pause,
                None,
                None,
            )
        if status != _OK:
            raise SynthesisError(f"espeak-ng failed with status {status}.")


def _word_events(events: ctypes._Pointer[_Event]) -> Iterator[tuple[int, int]]:
    """Yield for each word how many characters of the text are before it, and its first sample.

    A number has an event for each of its words, somewhere within it.
    """
    index = 0
    while (event := events[index]).type != _NO_MORE_EVENTS:
        if event.type == _WORD:
            yield event.text_position - 1, event.sample
        index += 1


@functools.cache
def _load() -> tuple[ctypes.CDLL, int]:
    """Load and initialise the library; return it with its sample rate in Hz."""
    import espeakng_loader

    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = os.fsencode(espeakng_loader.get_data_path())
    except (OSError, RuntimeError) as error:
        raise SynthesisError(f"espeak-ng cannot be loaded: {error}") from error
    library.espeak_Initialize.argtypes = (
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_int,
    )
    library.espeak_SetSynthCallback.argtypes = (_AudioCallback,)
    library.espeak_SetSynthCallback.restype = None
    library.espeak_SetVoiceByName.argtypes = (ctypes.c_char_p,)
    library.espeak_SetParameter.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int)
    library.espeak_ListVoices.argtypes = (ctypes.c_void_p,)
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_VoiceRecord))
    library.espeak_Synth.argtypes = (
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    # A buffer of 0 ms gives the smallest chunks, 60 ms. Without `_DONT_EXIT` the library would end
    # the process if its data is missing.
    rate: int = library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, data, _DONT_EXIT)
    if rate <= 0:
        raise SynthesisError("espeak-ng cannot be initialised; reinstall espeakng-loader.")
    return library, rate


def _languages(address: int | None) -> Iterator[tuple[int, str]]:
    """Read espeak's list of languages: a priority byte and a C string each, ended by a zero."""
    while address and (priority := ctypes.string_at(address, 1)[0]):
        tag = ctypes.string_at(address + 1)
        yield priority, tag.decode()
        address += len(tag) + 2
