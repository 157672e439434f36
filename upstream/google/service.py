"""`upstream.provider = "google"`: Gemini Live."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

from pipecat.utils.errors import ErrorCategory
from pydantic import Field

from flow.watchdog import Patience
from providers import Options, ProviderSetupError, parse_options
from providers.http_clients import trusted
from providers.links.link import Address
from settings.localisation import _
from settings.origins import is_here
from settings.upstream import UpstreamConfig
from upstream.google.session import LiveUpstream, Setup
from upstream.google.wire import Model
from upstream.keys import key_of, secrets_of
from upstream.service import UpstreamService

HOSTED = "wss://generativelanguage.googleapis.com"
PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
DEFAULT_MODEL = "gemini-3.8-live"
DEFAULT_VOICE = "Zephyr"
VOICES = (
    "Achernar",
    "Achird",
    "Algenib",
    "Algieba",
    "Alnilam",
    "Aoede",
    "Autonoe",
    "Callirrhoe",
    "Charon",
    "Despina",
    "Enceladus",
    "Erinome",
    "Fenrir",
    "Gacrux",
    "Iapetus",
    "Kore",
    "Laomedeia",
    "Leda",
    "Orus",
    "Puck",
    "Pulcherrima",
    "Rasalgethi",
    "Sadachbia",
    "Sadaltager",
    "Schedar",
    "Sulafat",
    "Umbriel",
    "Vindemiatrix",
    "Zephyr",
    "Zubenelgenubi",
)
"""https://ai.google.dev/gemini-api/docs/speech-generation#voices."""


class LiveOptions(Options):
    """`upstream.options`."""

    voices: list[str] | None = None
    """Voices that the service has; unset: those that Google lists."""
    images: bool = True
    """Whether its model takes images."""
    reasoning: bool = True
    """Whether its model takes a reasoning effort."""
    context_tokens: int | None = Field(None, ge=256)
    """Tokens that its model reads; unset: it is not limited here."""


class GeminiLive(UpstreamService):
    """Google's Live service."""

    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.UNKNOWN: "Check upstream.url, upstream.model and upstream.options.",
        ErrorCategory.INVALID_REQUEST: "Check upstream.url, upstream.model and upstream.options.",
        ErrorCategory.CONNECTIVITY: "Check the way to it, and upstream.url if you set that.",
    }
    accepts_prompt = False
    forced_calls = False
    named_voices: Mapping[str, str] = {
        "alloy": DEFAULT_VOICE,
        "ash": "Puck",
        "ballad": "Charon",
        "cedar": "Orus",
        "coral": "Aoede",
        "echo": "Fenrir",
        "marin": "Kore",
        "sage": "Leda",
        "shimmer": "Autonoe",
        "verse": "Iapetus",
    }

    def __init__(self, config: UpstreamConfig) -> None:
        """Check the configuration.

        Raises:
            ProviderSetupError: No key for Google itself, or an unknown option.
        """
        options = parse_options("upstream", config, LiveOptions)
        self.address = _url(config.url or HOSTED)
        self._host = urlsplit(self.address).hostname or ""
        self._model = Model(config.model or DEFAULT_MODEL)
        vendor = self._host == urlsplit(HOSTED).hostname
        key = key_of(config, vendor=vendor)
        if key is None and vendor:
            raise ProviderSetupError(
                _(
                    "upstream.provider 'google' needs GOOGLE_API_KEY: get one at "
                    "https://aistudio.google.com/apikey. Or set upstream.url for another server "
                    "with the protocol of Gemini Live."
                )
            )
        self.secrets = secrets_of(config, key)
        where = "GOOGLE_API_KEY or upstream.api_key" if vendor else "upstream.api_key"
        told = f"Check {where}." if key else f"It was sent no key: set {where}."
        self.remedies = {**self.remedies, ErrorCategory.AUTHENTICATION: told}
        self.voices = frozenset(options.voices or VOICES)
        self.named_voices = {
            name: own for name, own in self.named_voices.items() if own in self.voices
        }
        self.images, self.reasoning = options.images, options.reasoning
        self.context_tokens = options.context_tokens
        self.check_voice(config.voice_id or "alloy")
        address = Address(
            self.address,
            {"x-goog-api-key": key} if key else {},
            config.connect_timeout_s,
            trusted() if self.address.startswith("wss:") else None,
            is_here(self.address),
        )
        first_s = config.connect_timeout_s + config.timeout_s
        self.patience = Patience(first_s, config.timeout_s)
        voice = config.voice_id or DEFAULT_VOICE
        own = self.named_voices.get(voice, voice)
        self._setup = Setup(address, self._model, self, own)

    @property
    def label(self) -> str:
        """Model and host."""
        return f"{self._model.name} at {self._host}"

    def session(self, _passed: Sequence[str] = ()) -> LiveUpstream:
        """Begin what stands behind one client's session."""
        return LiveUpstream(self._setup)


def _url(address: str) -> str:
    """Return the URL of the WebSocket: that of a host will do."""
    parts = urlsplit(re.sub(r"^http", "ws", address))
    path = parts.path.rstrip("/")
    if not path.endswith("BidiGenerateContent"):
        path += PATH
    return urlunsplit(parts._replace(path=path, query="", fragment=""))
