"""Voices that need no key, no network and no download: hibari, espeak-ng, and others if installed.

Which of them speaks what is decided by a `VoiceBox`; here they are loaded, and speak.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import cache
from itertools import chain
from typing import Literal

from loguru import logger

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE, Resampler, duration_ms
from config import TTSConfig
from providers.base import ProviderSetupError, TTSProvider
from providers.frames import WordTimesFrame
from providers.options import Options, parse_options, refuse, variable
from providers.tts import flite, hibari, packaged_kokoro
from providers.tts.espeak import Espeak
from providers.tts.latin_language import ENGLISH
from providers.tts.speech_engine import Speech, SpeechEngine, SynthesisError
from providers.tts.voice_base import ClauseVoice
from providers.tts.voice_box import HEART, MANDARIN, NAMED_VOICES, PLAIN, SLT, Piece, VoiceBox
from providers.tts.word_places import shifted
from settings.installation import install_pinned, pip
from settings.localisation import _
from settings.provider_declarations import Declaration

MAX_CHUNK_BYTES = WIRE_RATE * BYTES_PER_SAMPLE // 10
"""Longest audio frame: 100 ms."""

_WARM_UP = "Ready."
_WARM_UP_CHINESE = "好。"


class EmbeddedTTSService(ClauseVoice):
    """The voice of one response."""

    def __init__(self, box: VoiceBox, voice: str) -> None:
        """Speak with `voice`, one of `box.voices`."""
        super().__init__(voice)
        self._box = box
        self._sound = box.voices[voice]
        self._language = ENGLISH

    async def speak(self, text: str) -> AsyncGenerator[bytes | WordTimesFrame, None]:
        """Speak `text`: 16-bit mono PCM at 24 kHz, in pieces of at most 100 ms."""
        async with aclosing(self._pieces(text)) as stream:
            async for pcm, words in stream:
                if words:
                    yield WordTimesFrame(words)
                for start in range(0, len(pcm), MAX_CHUNK_BYTES):
                    yield pcm[start : start + MAX_CHUNK_BYTES]
                # The engines are far faster than real time: yield, so that the chunk is sent and
                # other sessions run before the next one.
                await asyncio.sleep(0)

    async def _pieces(self, text: str) -> AsyncGenerator[Speech, None]:
        pieces = self._box.plan(text, self._sound, self._language)
        # Times of some words alone would be taken for those of all.
        timed = all(piece.engine.tells_words for piece in pieces)
        for piece in pieces:
            self._language = piece.language or self._language
            if piece.engine is self._box.espeak and piece.voice.startswith(MANDARIN):
                _warn_of_chinese(self._box.kokoro is not None)
            said = False
            async with aclosing(_spoken(piece)) as stream:
                async for speech in stream:
                    said = True
                    yield speech if timed else Speech(speech.pcm)
            # An engine for English has nothing to say of signs that it does not know.
            if not said and piece.engine is not self._box.espeak:
                async with aclosing(_spoken(self._box.by_espeak(piece, self._sound))) as stream:
                    async for speech in stream:
                        yield speech if timed else Speech(speech.pcm)


@cache
def _warn_of_chinese(has_kokoro: bool) -> None:
    """Say it once in the life of the server.

    Args:
        has_kokoro: Whether Kokoro speaks for the other voices, so that only this one has to change.
    """
    remedy = (
        "choose a voice that Kokoro speaks Chinese for, such as alloy (REALTIME_TTS__VOICE_ID, or "
        "the session's voice)."
        if has_kokoro
        else f"install Kokoro ({install_pinned('offline')}) and leave tts.options.engine at auto, "
        "or choose another voice, such as REALTIME_TTS__PROVIDER=openai."
    )
    logger.warning(
        f"Chinese is being spoken by espeak-ng, whose Chinese is not intelligible: {remedy}"
    )


async def _spoken(piece: Piece) -> AsyncGenerator[Speech, None]:
    """Speak a piece: PCM at 24 kHz, and the times of its words, as words of the clause."""
    engine = piece.engine
    resampler = Resampler(engine.sample_rate, WIRE_RATE)
    taken_ms = given_ms = 0.0
    async with aclosing(engine.speak(piece.text, piece.voice)) as stream:
        async for pcm, words in stream:
            # The resampler keeps the last samples back.
            in_clause = shifted(words, piece.before, taken_ms - given_ms)
            resampled = resampler.push(pcm)
            taken_ms += duration_ms(pcm, engine.sample_rate)
            given_ms += duration_ms(resampled)
            yield Speech(resampled, in_clause)
    if rest := resampler.flush():
        yield Speech(rest)


class EmbeddedTTSOptions(Options):
    """`tts.options`."""

    engine: Literal["auto", "hibari", "espeak", "flite"] = "auto"
    """Engine for English; `auto`: hibari if installed, else flite for the voices that prefer it.
    `espeak` and `flite` also keep Chinese from Kokoro."""
    preload: bool = False
    """Load Kokoro at the start, and not with the first Chinese text, which then waits 2 s."""


class EmbeddedTTS(TTSProvider):
    """The engines of the process, shared by all sessions."""

    declaration = Declaration(kind="tts", name="embedded", options=EmbeddedTTSOptions)
    named_voices: Mapping[str, str] = {
        name: voice.in_language(voice.espeak) for name, voice in NAMED_VOICES.items()
    }

    def __init__(self, config: TTSConfig) -> None:
        """Check the settings; `start` loads the engines.

        Raises:
            ProviderSetupError: A setting has no meaning here.
        """
        refuse(
            "tts",
            config,
            ("model", "api_base"),
            _("choose another voice, such as REALTIME_TTS__PROVIDER=openai"),
        )
        refuse("tts", config, ("gap_timeout_s",))
        options = parse_options("tts", config, EmbeddedTTSOptions)
        self._engine = options.engine
        self._preload = options.preload
        self._voice_id = config.voice_id
        self._box: VoiceBox | None = None
        self._lender: EmbeddedTTS | None = None
        self._missing: list[Exception] = []

    @property
    def label(self) -> str:
        """`embedded`, and once started the engines in use."""
        if self._box is None:
            return "embedded"
        if self._box.hibari is not None:
            engines = "hibari + espeak-ng"
        else:
            engines = "flite slt + espeak-ng" if self._box.flite is not None else "espeak-ng"
        if self._box.kokoro is not None:
            engines += _(", Chinese by Kokoro, experimental")
        return "; ".join((f"embedded ({engines})", *map(str, self._missing)))

    def share(self, other: EmbeddedTTS) -> None:
        """Speak by the engines of another one."""
        self._lender = other

    async def start(self) -> None:
        """Load the engines and warm them up.

        Raises:
            ProviderSetupError: An engine is missing, or `tts.voice_id` is no voice of theirs.
        """
        lender = self._lender
        if lender is not None and lender._box is not None:
            box, self._missing = lender._box, lender._missing
            self._check_voice(box)
        else:
            box = await self._started()
        self.voices = frozenset(box.voices)
        self.several = box.read_by_all
        self.parallel = box.parallel
        self.named_voices = {name: box.english_voice(name) for name in NAMED_VOICES}
        self._box = box

    async def _started(self) -> VoiceBox:
        box = await asyncio.to_thread(self._load)
        try:
            self._check_voice(box)
            await _warm_up(box, self._preload)
        except BaseException:
            box.close()
            raise
        return box

    async def close(self) -> None:
        """End the engines' threads, unless they are another one's."""
        if self._box is not None and self._lender is None:
            self._box.close()
        self._box = None

    def create(self, voice: str) -> EmbeddedTTSService:
        """Build the voice of one response.

        Args:
            voice: One of `voices`.
        """
        if self._box is None:
            raise RuntimeError("EmbeddedTTS.start() must come before the first response.")
        return EmbeddedTTSService(self._box, voice)

    def voice_languages(self) -> list[tuple[str, str | None]]:
        """Return the voices that read several languages, and espeak's for one language each."""
        single = self._box.language_voices if self._box is not None else []
        return [*((name, None) for name in NAMED_VOICES), *((name, name) for name in single)]

    def _check_voice(self, box: VoiceBox) -> None:
        if self._voice_id is not None and self._voice_id not in box.voices:
            raise ProviderSetupError(
                _(
                    "tts.voice_id '{voice}' is no embedded voice: choose one of {names}, or an "
                    "espeak-ng voice such as de or cmn ({variable})."
                ).format(
                    voice=self._voice_id,
                    names=", ".join(sorted(NAMED_VOICES)),
                    variable=variable("tts", "voice_id"),
                )
            )

    def _load(self) -> VoiceBox:
        neural = self._load_hibari() if self._engine in ("auto", "hibari") else None
        found = flite.find() if self._engine in ("auto", "flite") and neural is None else None
        if self._engine == "flite" and found is None:
            raise ProviderSetupError(
                _(
                    "tts.options.engine is flite, but flite with its voice slt is not installed: "
                    "install it (Debian: apt install flite) or unset {variable}."
                ).format(variable=variable("tts", "options"))
            )
        try:
            espeak = Espeak()
        except (ModuleNotFoundError, SynthesisError) as error:
            raise ProviderSetupError(
                _(
                    "The embedded voice cannot be loaded ({error}): {pip} install espeakng-loader, "
                    "or choose another voice, such as REALTIME_TTS__PROVIDER=openai."
                ).format(error=error, pip=pip())
            ) from error
        box = VoiceBox(espeak, espeak.list_voices())
        if neural is not None:
            box.add_hibari(neural)
        chinese = self._find_kokoro() if self._engine in ("auto", "hibari") else None
        if chinese is not None:
            box.add_kokoro(chinese)
        if found is not None:
            box.add_flite(found, everywhere=self._engine == "flite")
        return box

    def _load_hibari(self) -> SpeechEngine | None:
        """Return hibari, or None, with the reason in the label."""
        try:
            return hibari.load()
        except hibari.HibariUnavailable as error:
            if self._engine == "hibari":
                raise ProviderSetupError(
                    _("tts.options.engine is hibari, but {reason}").format(reason=error)
                ) from error
            self._missing.append(error)
            return None

    def _find_kokoro(self) -> SpeechEngine | None:
        """Return Kokoro if it is installed; what is wrong with it is said in the label."""
        try:
            return packaged_kokoro.find()
        except packaged_kokoro.KokoroUnavailable as error:
            self._missing.append(error)
            return None


async def _warm_up(box: VoiceBox, preload: bool) -> None:
    """Synthesise a word with each engine: the first synthesis of a process is slow."""
    try:
        pieces = [*chain(*(box.plan(_WARM_UP, voice) for voice in (PLAIN, SLT, HEART)))]
        if preload:
            pieces += box.plan(_WARM_UP_CHINESE, HEART)
        for piece in pieces:
            async with aclosing(piece.engine.synthesize(piece.text, piece.voice)) as stream:
                async for _pcm in stream:
                    pass
    except SynthesisError as error:
        raise ProviderSetupError(
            _("The embedded voice cannot speak: {error}").format(error=error)
        ) from error
