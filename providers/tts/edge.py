"""The voices with which Microsoft Edge reads web pages: many languages, no key, no guarantee.

Pipecat has no service for them. The interface is Microsoft's own and undocumented; it has changed
before, so errors say how to get a newer `edge-tts`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Annotated

from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory
from pydantic import AfterValidator

from audio.pcm import WIRE_RATE
from config import TTSConfig
from providers.base import ProviderSetupError, TTSProvider, VoiceInfo
from providers.options import Options, parse_options, refuse
from providers.tts.edge_stream import EdgeError, read_aloud
from providers.tts.lead_in import LeadIn
from providers.tts.mp3 import BadMp3Error, Mp3Stream
from providers.tts.voice_base import GAP_S, ClauseVoice
from session.ports import OPENAI_VOICES
from settings.localisation import _
from settings.provider_declarations import Declaration

_VOICE = re.compile(r"([a-z]{2,3}-[A-Z]{2})-(?:[a-z]+-)?\w+Neural")
"""`en-US-EmmaMultilingualNeural`, `zh-CN-liaoning-XiaobeiNeural`."""
_EXAMPLE = "zh-CN-XiaoxiaoNeural"
_LIST = "`edge-tts --list-voices` lists them"

VOICES: Mapping[str, str] = {
    "alloy": "en-US-EmmaMultilingualNeural",
    "ash": "en-US-AndrewMultilingualNeural",
    "ballad": "it-IT-GiuseppeMultilingualNeural",
    "cedar": "en-US-BrianMultilingualNeural",
    "coral": "de-DE-SeraphinaMultilingualNeural",
    "echo": "en-AU-WilliamMultilingualNeural",
    "fable": "en-GB-RyanNeural",
    "marin": "en-US-AvaMultilingualNeural",
    "nova": "fr-FR-VivienneMultilingualNeural",
    "onyx": "de-DE-FlorianMultilingualNeural",
    "sage": "pt-BR-ThalitaMultilingualNeural",
    "shimmer": "en-GB-SoniaNeural",
    "verse": "fr-FR-RemyMultilingualNeural",
}
"""OpenAI's names → voices, nearly all of which speak every language, as OpenAI's do."""


def _shift(unit: str) -> Callable[[str], str]:
    """Return a check of a signed whole number with its unit."""

    def checked(value: str) -> str:
        if not re.fullmatch(rf"[+-]\d+{unit}", value, re.ASCII):
            raise ValueError(
                _("must be a whole number with its sign and {unit}, such as {example}").format(
                    unit=unit, example=f"+10{unit} or -10{unit}"
                )
            )
        return value

    return checked


class EdgeOptions(Options):
    """How the voices sound."""

    pitch: Annotated[str, AfterValidator(_shift("Hz"))] = "+0Hz"
    volume: Annotated[str, AfterValidator(_shift("%"))] = "+0%"


class EdgeTTS(TTSProvider):
    """`tts.provider = "edge"`."""

    declaration = Declaration(kind="tts", name="edge", extra=True, options=EdgeOptions)
    label = "Edge TTS"
    address = "https://speech.platform.bing.com"
    named_voices = VOICES
    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.AUTHORIZATION: (
            "Microsoft takes this for no browser: pip install -U edge-tts, and check the "
            "computer's clock."
        ),
        ErrorCategory.INVALID_REQUEST: (
            f"Check that the voice exists ({_LIST}) and speaks the language of the text."
        ),
        ErrorCategory.CONNECTIVITY: "Check the way to speech.platform.bing.com.",
        ErrorCategory.RATE_LIMIT: "Try again later: nobody is promised anything here.",
    }

    def __init__(self, config: TTSConfig) -> None:
        """Check the configuration.

        Raises:
            ProviderSetupError: A setting has no effect here, or the voice's name is malformed.
        """
        refuse("tts", config, ("model", "api_base", "api_key"))
        self._config = config
        self._options = parse_options("tts", config, EdgeOptions)
        voice = config.voice_id
        if voice is not None and voice not in OPENAI_VOICES and not _VOICE.fullmatch(voice):
            raise ProviderSetupError(
                _(
                    "tts.voice_id '{voice}' is no voice of Edge, such as {example}; "
                    "`edge-tts --list-voices` lists them."
                ).format(voice=voice, example=_EXAMPLE)
            )

    def create(self, voice: str) -> TTSService:
        """Build the voice of one response."""
        return EdgeTTSService(self.named_voices.get(voice, voice), self._config, self._options)

    def list_voices(self) -> list[VoiceInfo]:
        """Return the voices of OpenAI's names; clients may also choose any other of Edge's."""
        return [
            VoiceInfo(info.id, info.speaks_as, _language(info.speaks_as))
            for info in super().list_voices()
        ]


class EdgeTTSService(ClauseVoice):
    """The voice of one response."""

    def __init__(self, voice: str, config: TTSConfig, options: EdgeOptions) -> None:
        """Speak with `voice`, one of Microsoft's names."""
        super().__init__(voice)
        self.retries = config.retries
        self.gap_s = config.gap_timeout_s or GAP_S
        self._config = config
        self._options = options

    async def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        """Speak one clause, on a connection of its own."""
        if not _VOICE.fullmatch(self._voice):
            reason = f"no voice of Edge is called so, as {_EXAMPLE} is"
            raise EdgeError(reason, ErrorCategory.INVALID_REQUEST, refused=True)
        mp3, lead_in = Mp3Stream(WIRE_RATE), LeadIn(WIRE_RATE)
        options = self._options
        pieces = read_aloud(
            text, self._voice, self._config, pitch=options.pitch, volume=options.volume
        )
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    if pcm := lead_in.push(mp3.push(piece)):
                        yield pcm
            if pcm := lead_in.push(mp3.flush()):
                yield pcm
        except BadMp3Error as error:
            raise EdgeError(str(error), ErrorCategory.SERVER) from error


def _language(voice: str) -> str | None:
    """Return the language that a voice's name begins with; None if it is multilingual."""
    match = _VOICE.fullmatch(voice)
    return match[1] if match and "Multilingual" not in voice else None
