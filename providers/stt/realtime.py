"""Streaming transcription by a Realtime service: words come while the user speaks.

OpenAI, vLLM, NVIDIA Dynamo, SGLang and this server have it at `/v1/realtime`. A turn is sent as it
is spoken, over a connection of its own, and committed where our detector ends it; so a connection
that is lost costs a retry with the turn's whole audio, never its words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from pipecat.services.stt_service import STTService
from pipecat.utils.errors import ErrorCategory
from pydantic import Field

from config import STTConfig
from providers.base import ProviderSetupError
from providers.links.link import Address
from providers.links.passing_on import header, new_mark
from providers.links.realtime_link import HOSTED, is_hosted, realtime_url
from providers.options import Options, parse_options, variable
from providers.stt.realtime_dialects import Asked
from providers.stt.realtime_turn import RealtimeTurn
from providers.stt.streams import StreamedTurns, StreamSTT
from providers.stt.wishes import language_code
from session.ports import TranscriptionSettings
from settings.localisation import _
from settings.provider_declarations import Declaration
from wire.session_fields import Delay

DEFAULT_MODEL = "gpt-live-transcribe"
PROMPTLESS = ("gpt-realtime-whisper", "gpt-4o-transcribe-diarize")
"""Models that take no prompt [sdk]."""


class RealtimeSTTOptions(Options):
    """`stt.options`."""

    languages: list[Annotated[str, Field(pattern="^[a-z]{2,3}$")]] | None = Field(
        None, min_length=1
    )
    """ISO 639-1 codes of the languages that the service knows; unset: any."""
    prompt: bool | None = None
    """Whether the model takes a prompt; unset: those of OpenAI's that take none get none."""
    keywords: bool | None = None
    """Whether the model takes keywords, and several languages, in fields of their own; unset:
    `gpt-transcribe` and `gpt-live-transcribe` do, others are told keywords in the prompt."""
    delay: Delay | None = None
    """How long the model may wait for better words, where the client does not say; unset: as the
    model does."""


class RealtimeSTT(StreamSTT):
    """`stt.provider = "realtime"`: OpenAI's Realtime service, or a server at `api_base`."""

    declaration = Declaration(
        kind="stt",
        name="realtime",
        key_variable="OPENAI_API_KEY",
        key_domains=("openai.com",),
        options=RealtimeSTTOptions,
    )
    announces_end = True

    def __init__(self, config: STTConfig) -> None:
        """Check the configuration.

        Raises:
            ProviderSetupError: No key for OpenAI itself, or an option that is unknown or has a bad
                value.
        """
        super().__init__(config)
        options = parse_options("stt", config, RealtimeSTTOptions)
        base = config.api_base or HOSTED
        vendor = is_hosted(base)
        key = config.resolved_key()
        if key is None and vendor:
            raise ProviderSetupError(
                _(
                    "stt.provider 'realtime' needs OPENAI_API_KEY, or stt.api_base for another "
                    "server with Realtime transcription, e.g. ws://localhost:8000/v1/realtime."
                )
            )
        self._model = config.model or DEFAULT_MODEL
        # OpenAI refuses a model there; of servers of ours it chooses the stack.
        asked = {"intent": "transcription"} | ({} if vendor else {"model": self._model})
        url = realtime_url(base, asked)
        self._host = urlsplit(url).hostname or ""
        self.address = urlunsplit(urlsplit(url)._replace(query=""))
        self._address = Address.of(url, key, config.connect_timeout_s)
        # OpenAI itself leads to nobody.
        self.mark = None if vendor else new_mark()
        self._options = options
        self.accepts_prompt = (
            self._model not in PROMPTLESS if options.prompt is None else options.prompt
        )
        if options.languages is not None:
            self.languages = frozenset(options.languages)
        self.remedies = _remedies(vendor=vendor, keyed=key is not None)

    @property
    def label(self) -> str:
        """Model and host."""
        return f"{self._model} at {self._host} (Realtime)"

    def create(self) -> STTService:
        """Build the recogniser of one session."""
        return RealtimeTurns(self)

    def behind(self, passed: Sequence[str]) -> RealtimeSTT:
        """Return the same for a session that the servers of these names have passed on."""
        if self.mark is None:
            return self
        passing = copy(self)
        passing._address = replace(self._address, passing=header(self.mark, passed))
        return passing

    def connect(self, settings: TranscriptionSettings) -> STTService:
        """Build the service of one turn."""
        codes = dict.fromkeys(filter(None, map(language_code, settings.languages)))
        wishes = replace(
            settings, languages=tuple(codes), delay=settings.delay or self._options.delay
        )
        asked = Asked(
            self._model,
            wishes,
            lists=self._options.keywords,
            prompts=self.accepts_prompt,
            delays=True if self._options.delay else None,
        )
        return RealtimeTurn(self._address, asked)


class RealtimeTurns(StreamedTurns):
    """The recogniser of one session: a session of its own for each turn."""

    def __init__(self, provider: RealtimeSTT) -> None:
        """Pass on a session that came from a client."""
        super().__init__(provider.behind(()))
        self._realtime = provider

    def came_by(self, passed: Sequence[str]) -> None:
        """Name the servers that have passed the session on to here (`links/passing_on.py`)."""
        self._provider = self._realtime.behind(passed)


def _remedies(*, vendor: bool, keyed: bool) -> Mapping[ErrorCategory, str]:
    # For clients, and so in English.
    own = f"stt.api_key ({variable('stt', 'api_key')})"
    where = f"OPENAI_API_KEY or {own}" if vendor else own
    address = f"stt.api_base ({variable('stt', 'api_base')})"
    model = f"stt.model ({variable('stt', 'model')})"
    asked = f"Check {model}, stt.language and stt.options."
    if not vendor:
        asked = f"Check {address}, {model}, stt.language and stt.options."
    return {
        ErrorCategory.AUTHENTICATION: f"Check {where}." if keyed else f"Set {where}.",
        ErrorCategory.INVALID_REQUEST: asked,
        ErrorCategory.UNKNOWN: f"Check that {address} leads to a server with Realtime sessions.",
        ErrorCategory.CONNECTIVITY: f"Check that it runs, and {address} if you set that.",
    }
