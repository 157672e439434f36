"""`upstream.provider = "openai"`: OpenAI's Realtime service, or a server with its protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from pipecat.utils.errors import ErrorCategory
from pydantic import Field

from flow.watchdog import Patience
from providers import Options, ProviderSetupError, parse_options
from providers.links.link import Address
from providers.links.passing_on import header, new_mark
from providers.links.realtime_link import HOSTED, is_hosted, realtime_url
from session.ports import REALTIME_VOICES
from settings.localisation import _
from settings.upstream import UpstreamConfig
from upstream.keys import key_of, secrets_of
from upstream.openai.session import RealtimeUpstream, Setup
from upstream.service import UpstreamService

DEFAULT_MODEL = "gpt-realtime"


class RealtimeOptions(Options):
    """`upstream.options`."""

    transcription_model: str = "gpt-transcribe"
    """The model that writes the transcripts of the user's turns."""
    voices: list[str] | None = None
    """Voices that the service has; unset: OpenAI's, or any where it is another server."""
    images: bool = True
    """Whether its model takes images."""
    reasoning: bool = True
    """Whether its model takes a reasoning effort."""
    context_tokens: int | None = Field(None, ge=256)
    """Tokens that its model reads; unset: it is not limited here."""


class OpenAIRealtime(UpstreamService):
    """A Realtime service."""

    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.UNKNOWN: "Check upstream.url, upstream.model and upstream.options.",
        ErrorCategory.INVALID_REQUEST: "Check upstream.url, upstream.model and upstream.options.",
        ErrorCategory.CONNECTIVITY: "Check that it runs, and upstream.url if you set that.",
    }

    def __init__(self, config: UpstreamConfig) -> None:
        """Check the configuration.

        Raises:
            ProviderSetupError: No key for OpenAI itself, or an unknown option.
        """
        options = parse_options("upstream", config, RealtimeOptions)
        asked = {"model": config.model or DEFAULT_MODEL}
        self._url = realtime_url(config.url or HOSTED, asked)
        self._host = urlsplit(self._url).hostname or ""
        self._model = config.model or DEFAULT_MODEL
        vendor = is_hosted(self._url)
        key = key_of(config, vendor=vendor)
        if key is None and vendor:
            raise ProviderSetupError(
                _(
                    "upstream.provider 'openai' needs OPENAI_API_KEY, or upstream.url for another "
                    "server with OpenAI's Realtime protocol, e.g. ws://localhost:8001/v1/realtime."
                )
            )
        self.secrets = secrets_of(config, key)
        where = "OPENAI_API_KEY or upstream.api_key" if vendor else "upstream.api_key"
        told = f"Check {where}." if key else f"Set {where}."
        self.remedies = {**self.remedies, ErrorCategory.AUTHENTICATION: told}
        self.address = urlunsplit(urlsplit(self._url)._replace(query=""))
        if options.voices is not None:
            self.voices = frozenset(options.voices)
        elif vendor:
            self.voices = frozenset(REALTIME_VOICES)
        self.images, self.reasoning = options.images, options.reasoning
        self.context_tokens = options.context_tokens
        self.check_voice(config.voice_id)
        address = Address.of(self._url, key, config.connect_timeout_s)
        first_s = config.connect_timeout_s + config.timeout_s
        self.patience = Patience(first_s, config.timeout_s)
        # OpenAI itself leads to nobody.
        self.mark = None if vendor else new_mark()
        self._setup = Setup(address, self, options.transcription_model)

    @property
    def label(self) -> str:
        """Model and host."""
        return f"{self._model} at {self._host}"

    def session(self, passed: Sequence[str] = ()) -> RealtimeUpstream:
        """Begin what stands behind one client's session."""
        if self.mark is None:
            return RealtimeUpstream(self._setup)
        address = replace(self._setup.address, passing=header(self.mark, passed))
        return RealtimeUpstream(replace(self._setup, address=address))
