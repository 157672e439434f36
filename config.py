"""Every setting of the server, typed, with its default, its unit and where it can be set.

A setting is looked up in this order; the first place that names it wins:

1. the command line (``python main.py --port 9000``),
2. environment variables: ``REALTIME_`` + group + ``__`` + name (``REALTIME_LLM__API_BASE``),
3. a ``.env`` file in the working directory, with the same names,
4. a TOML file given by ``--config`` (or ``REALTIME_CONFIG``), one table per group,
5. a profile given by ``--profile`` (or ``REALTIME_PROFILE``): such a file in ``profiles/``,
6. the defaults below: editing this file works too.

API keys that are not set here are taken from the vendors' own variables (``VENDOR_KEYS``).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from settings.call_addresses import (
    valid_interface,
    valid_public_host,
    valid_replica,
    valid_replica_url,
)
from settings.group import Group, listed
from settings.key_texts import MIN_SECRET_LENGTH as MIN_SECRET_LENGTH
from settings.key_texts import key_texts
from settings.localisation import _
from settings.mcp_settings import McpConfig
from settings.model_server import ModelServerConfig
from settings.models_settings import ModelsConfig
from settings.origins import allowed_origin
from settings.paths import own_path
from settings.processor_settings import ProcessorConfig
from settings.provider_declarations import is_of_vendor, vendor_domains, vendor_keys
from settings.recording_settings import RecordingConfig as RecordingConfig
from settings.sources import DOTENV, PREFIX, explained, layers, variable
from settings.sources import ConfigError as ConfigError
from settings.sources import chosen_profile as chosen_profile
from settings.sources import profile_names as profile_names
from settings.stacks import completed, valid_stack_names
from settings.store_url import valid_store
from settings.translation import TranslationConfig
from settings.upstream import KEY_VARIABLES, UpstreamConfig, refuse_nameless, with_upstream
from settings.virtual_clock import refuse_outside

PRODUCT_NAME = "Open Realtime Server"
VERSION = "0.5.0"
"""The version that `--version`, `/health` and the wheel show; see `CHANGELOG.md`."""

MIN_KEY_LENGTH = 16
VENDOR_DOMAINS = vendor_domains()
"""Provider name → the domains to which the key of its vendor's own variable is sent."""
VENDOR_KEYS = vendor_keys()
"""Provider name → the environment variable in which its vendor expects the API key.

A provider declares its own in its module, `providers/`.
"""

DEFAULT_INSTRUCTIONS = (
    "You are a helpful, friendly voice assistant. Your answers are spoken aloud: keep them short, "
    "use plain sentences, and no lists, markup or emoji. Answer in the language of the user."
)


class ServerConfig(Group):
    """Address, access, lifetime of sessions, logging and tracing."""

    host: str = "127.0.0.1"
    """Address to bind. The default is reachable from this machine only."""
    port: int = Field(8000, ge=0, le=65535)
    """TCP port; 0 lets the system choose one."""
    workers: int = Field(1, ge=1, le=256)
    """Processes that serve the address: about one per core. Each loads the models for itself."""
    ws_path: Annotated[str, AfterValidator(own_path)] = "/v1/realtime"
    """Path of the Realtime WebSocket. The `openai` SDK expects it to end in `/realtime`."""
    api_keys: Annotated[list[SecretStr], NoDecode] = Field(default_factory=list)
    """Keys that clients need, printable ASCII without spaces; in a variable, separated by commas.
    None: whoever reaches it."""
    allowed_origins: Annotated[list[str], NoDecode] = Field(default_factory=list)
    """Origins of web pages that may connect (`https://app.example.com`, with its port unless that
    is the usual one), beside pages of this machine itself; `*` allows all."""
    insecure: bool = False
    """Listen to other machines without keys."""
    models_strict: bool = False
    """Refuse model names that `GET /v1/models` does not list; otherwise any name opens a session
    with the configured model."""
    secret: SecretStr | None = Field(None, min_length=16)
    """Signs client secrets; replicas that share it accept each other's. Unset: a random one, which
    the workers of one server share."""
    session_limit_minutes: float = Field(60, gt=0, le=525600)
    """Minutes after which a session is closed (§D.8)."""
    drain_s: float = Field(0, ge=0, le=86_400)
    """Seconds that open sessions may go on when the server is told to stop, while new ones are
    refused; it ends when the last one does. Then `shutdown_grace_s` begins."""
    shutdown_grace_s: float = Field(10, ge=0, le=3600)
    """Seconds that running responses may take to end when the server is told to stop."""
    resume_s: float = Field(0, ge=0, le=3600)
    """Seconds within which a client that has lost its connection, or its server, goes on with its
    conversation, at this server or another, by the client secret that opened it (§D.10). Needs
    `limits.store` and `server.secret`. 0: no conversation is kept."""
    kept_audio_minutes: float = Field(5, ge=0)
    """Minutes of audio that a conversation keeps for `conversation.item.retrieve`, 2.9 MB each;
    older items stay, without their audio. The newest item always keeps its own."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """`info`: one line per session and per turn. `warning`: failures alone."""
    log_json: bool = False
    """Write the log as one JSON object per line."""
    debug: bool = False
    """Log what Pipecat and every stage do, as `log_level = "debug"` does; may log what is said."""
    tracing: bool = False
    """Send OpenTelemetry traces, where `OTEL_EXPORTER_OTLP_ENDPOINT` says."""
    console: bool = True
    """Serve the console, a page to talk to the server, at `/`."""
    testing: bool = False
    """Be a double for tests of clients: stages that no setting names play a script, which is set by
    HTTP, and what comes is kept for the test to read (`docs/testing.md`). For one worker."""
    virtual_clock: bool = False
    """With `testing`: sessions have a clock that goes as far as the audio that has come, and jumps
    where they wait; their ids are the same each time."""
    replica: Annotated[str | None, AfterValidator(valid_replica)] = None
    """Name of this server among replicas, as hosts have them: the name or the address of a pod will
    do. The ids of its calls carry it, so that each replica knows which other one has a call. With
    it, a full server answers HTTP 503 before the handshake, so that a load balancer tries another
    replica, and `secret` is needed. None: there are no others."""
    replica_url: Annotated[str | None, AfterValidator(valid_replica_url)] = None
    """URL at which the replicas reach one another, with `{replica}` in place of the name, such as
    `http://{replica}.voice.internal:8000`. None: each knows its own calls alone."""

    @property
    def verbose(self) -> bool:
        """Whether everything is logged."""
        return self.debug or self.log_level == "debug"

    @field_validator("api_keys", "allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return listed(value)

    @field_validator("api_keys")
    @classmethod
    def _check_keys(cls, keys: list[SecretStr]) -> list[SecretStr]:
        """Refuse keys that are easy to guess, and keys that no client can send."""
        for key in (secret.get_secret_value() for secret in keys):
            if not re.fullmatch(r"[!-~]*", key):
                raise ValueError(
                    _(
                        "an API key has a character that no client can send in a header; use "
                        "letters, digits and signs of ASCII without spaces, and commas between keys"
                    )
                )
            if len(key) < MIN_KEY_LENGTH:
                raise ValueError(
                    _("every API key must have at least {count} characters").format(
                        count=MIN_KEY_LENGTH
                    )
                )
            if key.startswith("ek_"):
                raise ValueError(_("no API key may begin with 'ek_': client secrets do"))
        return keys

    @field_validator("allowed_origins")
    @classmethod
    def _check_origins(cls, origins: list[str]) -> list[str]:
        """Refuse origins that no browser sends."""
        return [allowed_origin(origin) for origin in origins]

    @field_validator("replica")
    @classmethod
    def _check_secret(cls, name: str | None, info: ValidationInfo) -> str | None:
        """Refuse a replica whose client secrets and calls no other one knows."""
        # A secret that was refused is not in the data; then that is what is told.
        if name is not None and info.data.get("secret", name) is None:
            raise ValueError(
                _(
                    "replicas know each other's client secrets and calls by server.secret: set it "
                    "(REALTIME_SERVER__SECRET), the same for all of them"
                )
            )
        return name

    @field_validator("testing")
    @classmethod
    def _check_workers(cls, testing: bool, info: ValidationInfo) -> bool:
        """Refuse several workers, of which each would have a script of its own."""
        if testing and info.data.get("workers", 1) > 1:
            raise ValueError(
                _("a script is of one process: set server.workers to 1, or leave testing off")
            )
        return testing

    @field_validator("virtual_clock")
    @classmethod
    def _check_testing(cls, virtual: bool, info: ValidationInfo) -> bool:
        """Refuse a clock that nothing outside would heed."""
        if virtual and not info.data.get("testing"):
            raise ValueError(_("a virtual clock is for tests of clients: set server.testing too"))
        return virtual

    @field_validator("replica_url")
    @classmethod
    def _check_replica(cls, url: str | None, info: ValidationInfo) -> str | None:
        """Refuse the URL without a name: it does nothing."""
        if url is not None and info.data.get("replica", url) is None:
            raise ValueError(
                _("it does nothing without server.replica, the name of this server: set both")
            )
        return url


class LimitsConfig(Group):
    """Limits on what a client may use; the error at a limit names the setting."""

    sessions: int = Field(500, ge=1)
    """Open sessions of a process; further clients are asked to come back (close code 1013). Each
    of several workers has as many."""
    sessions_per_key: int = Field(100, ge=1)
    """Open sessions of one API key or client secret in a process, as above; without a key there is
    no such limit. With `store`, of all servers together."""
    store: Annotated[SecretStr | None, AfterValidator(valid_store)] = None
    """URL of a server of Redis' protocol that several servers share (`redis://`, `rediss://` by
    TLS, or `unix://`), which needs `requirements/redis.txt`. While it cannot be reached, each
    process counts alone."""
    message_mib: float = Field(24, ge=1, le=256)
    """MiB of one WebSocket message; a larger one ends the session (close code 1009). 24 hold the
    15 MiB of audio that an append may carry, as base64."""
    event_kib: int = Field(512, ge=64, le=65536)
    """KiB of one client event, not counting the audio and images in it."""
    buffered_audio_s: float = Field(600, gt=0)
    """Seconds of audio that wait to be committed. A detected turn of that length is committed."""
    conversation_items: int = Field(2000, ge=1)
    """Items of a conversation beyond which a client can add none."""
    responses: int = Field(16, ge=1)
    """Responses of a session that run at the same time, those outside the conversation included."""
    tools: int = Field(128, ge=0)
    """Tools of a session, or of a response."""
    instructions_chars: int = Field(100_000, ge=1)
    """Characters of the instructions of a session, or of a response."""
    append_burst_s: float = Field(600, gt=0)
    """Seconds of audio that a client may append at once, say as a file."""
    append_speed: float = Field(4, ge=1)
    """How many times faster than real time it may append after that; it is slowed, not refused."""
    ping_interval_s: float = Field(20, gt=0, le=86_400)
    """Seconds between the pings that show whether a silent client is still there."""
    ping_timeout_s: float = Field(20, gt=0, le=86_400)
    """Seconds after a ping without a sign of life that end the session."""


class WebRTCConfig(Group):
    """Calls over WebRTC (`docs/wire.md` §D.2), which need `requirements/webrtc.txt`.

    All calls of a process share one UDP port.
    """

    udp_port: int | None = Field(None, ge=0, le=65535)
    """UDP port; None: the number of the TCP port, 0 lets the system choose one. Each of several
    workers has its own: this one, the next, and so on."""
    public_hosts: Annotated[list[str], NoDecode] = Field(default_factory=list)
    """Addresses or names by which clients reach this machine, told to them in place of the
    addresses of its interfaces: for servers behind NAT, and in containers."""
    interfaces: Annotated[list[str], NoDecode] = Field(default_factory=list)
    """Network interfaces to use, by name or address. None: all of them, but only loopback where
    `server.host` is this machine's own."""

    @field_validator("public_hosts", "interfaces", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return listed(value)

    @field_validator("public_hosts")
    @classmethod
    def _check_hosts(cls, hosts: list[str]) -> list[str]:
        """Refuse hosts that no client can send to."""
        return [valid_public_host(host) for host in hosts]

    @field_validator("interfaces")
    @classmethod
    def _check_interfaces(cls, interfaces: list[str]) -> list[str]:
        """Refuse what names no interface."""
        return [valid_interface(name) for name in interfaces]

    def port_of_worker(self, worker: int, tcp_port: int) -> int:
        """Return the UDP port of a worker; 0: the system chooses it.

        Args:
            worker: 0 for the first one, and for a server with only one.
            tcp_port: The number of the server's TCP port.
        """
        first = tcp_port if self.udp_port is None else self.udp_port
        return first + worker if first else 0


class AudioConfig(Group):
    """Sample rates in Hz. Both are facts of the protocol and of Silero, not tuning knobs."""

    OPENAI_SAMPLE_RATE: Literal[24000] = 24000
    """PCM on the wire: 16-bit signed little-endian, mono, 24 kHz (`docs/wire.md` §E) unless the
    client chooses another rate."""
    INTERNAL_SAMPLE_RATE: Literal[16000] = 16000
    """PCM inside the pipeline, as Silero and speech recognisers expect it."""


class VADConfig(Group):
    """Turn detection a session starts with; a client changes it by `session.update`."""

    type: Literal["server_vad", "none"] = "server_vad"
    """`server_vad`: Silero decides the turns. `none`: the client commits its turns itself."""
    threshold: float = Field(0.5, ge=0.0, le=1.0)
    """Speech probability (0–1) from which a 32 ms window counts as speech."""
    prefix_padding_ms: int = Field(300, ge=0, le=5000)
    """Milliseconds of audio before the detected onset that belong to the turn."""
    silence_duration_ms: int = Field(500, ge=0, le=10000)
    """Milliseconds of silence that end a turn."""
    speculative: bool = True
    """Start the response at a first short pause and hold it back until the turn is over. It comes
    sooner, at the cost of model calls in vain where the user speaks on."""
    speculate_after_ms: int = Field(120, ge=32, le=2000)
    """Milliseconds of silence that make such a pause."""


class TurnsConfig(Group):
    """When the server believes that somebody has said something, and to whom."""

    interruptions: Literal["words", "any"] = "words"
    """What interrupts an answer that sounds. `words`: the user's words, or a voice that goes on; a
    back-channel, a cough or a laugh does not. `any`: every voice, at once."""
    backchannels: Literal["drop", "keep"] = "drop"
    """Whether a back-channel during an answer enters the conversation (`keep`); it is never
    answered."""
    queued: Literal["each", "merge"] = "each"
    """How turns that end while another is being answered are answered: `each` for itself, in order,
    or all by one answer (`merge`)."""
    rejoin_ms: int = Field(0, ge=0, le=1200)
    """Milliseconds behind the end of a turn within which a user who goes on is still in that turn:
    both pieces become one, with one answer. 0: they are two turns."""
    file_mode: bool = True
    """Whether the turns of audio that is appended much faster than real time wait for its end, so
    that none interrupts the answer to another."""
    echo_guard: bool = True
    """Tell the server's own voice, heard again from a loudspeaker, from that of a person."""


def _address(url: str | None) -> str | None:
    """Refuse an address that no request could be sent to."""
    if url is not None and not re.match(r"(https?|wss?)://[^/]+", url):
        raise ValueError(
            _(
                "{url} is no address of a service; it must begin with http:// or https:// (or "
                "ws://, wss://) and name a host, as http://localhost:11434/v1 does"
            ).format(url=repr(url))
        )
    return url


_NOT_LOADED = frozenset(
    {
        "voice_id",
        "language",
        "temperature",
        "context_tokens",
        "connect_timeout_s",
        "timeout_s",
        "retries",
    }
)
"""Settings that say how a model is used. A provider that loads another one for them knows that."""


class _Provider(Group):
    _models_dir: Path | None = PrivateAttr(None)
    provider: str = "embedded"
    api_key: SecretStr | None = None
    """API key. Unset: the vendor's own variable, see `VENDOR_KEYS`."""
    api_base: Annotated[str | None, AfterValidator(_address)] = None
    """Base URL of the service, for example `http://localhost:11434/v1`."""
    connect_timeout_s: float = Field(5, gt=0)
    """Seconds within which a connection to the service has to stand."""
    timeout_s: float = Field(15, gt=0)
    """Seconds that the service may be silent: before its first result and between two pieces."""
    retries: int = Field(1, ge=0, le=5)
    """Attempts after a first one that failed before any result; a refusal is not tried again."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Further arguments that only this provider knows; README, "Providers", lists them."""

    @property
    def models_dir(self) -> Path | None:
        """`models.dir`, of which a provider knows by its own settings."""
        return self._models_dir

    def resolved_key(self) -> str | None:
        """Return the API key in clear: the setting, else the vendor's variable, else None.

        The vendor's variable is the vendor's alone: another `api_base` needs the setting.

        Raises:
            ConfigError: The key has characters that no header can carry. (Libraries would quote it
                in their errors.)
        """
        name, key = "", None
        if is_of_vendor(self.api_base, VENDOR_DOMAINS.get(self.provider, ())):
            name = VENDOR_KEYS.get(self.provider, "")
            key = variable(name)
        if self.api_key is not None:
            name, key = "api_key", self.api_key.get_secret_value()
        key = (key or "").strip()
        if not (key.isascii() and key.isprintable()):
            raise ConfigError(
                _(
                    "The API key of the provider '{provider}' ({name}) has characters that no key "
                    "has, such as a line break within it: copy it anew."
                ).format(provider=self.provider, name=name)
            )
        return key or None

    def same_engine(self, other: _Provider) -> bool:
        """Return whether one provider serves both: they differ in nothing that it reads."""
        return type(self) is type(other) and self._of_engine() == other._of_engine()

    def same_model(self, other: _Provider) -> bool:
        """Return whether both would load the same: else they differ in what is no model's."""
        return type(self) is type(other) and self._of_engine(_NOT_LOADED) == other._of_engine(
            _NOT_LOADED
        )

    def _of_engine(self, beside: frozenset[str] = frozenset()) -> dict[str, Any]:
        return self.model_dump(exclude={"default_instructions", "noise_reduced", *beside})

    def secrets(self) -> frozenset[str]:
        """Return the texts to mask in logs and errors: the key, and options named like keys."""
        named = [
            str(value)
            for name, value in self.options.items()
            if any(word in name.lower() for word in ("key", "token", "secret", "password"))
        ]
        found = [self.resolved_key() or "", *named]
        return frozenset(value for value in found if len(value) >= MIN_SECRET_LENGTH)


class LLMConfig(_Provider):
    """The language model."""

    provider: str = "embedded"
    """`embedded`, `openai` (any OpenAI-compatible server) or another of those in README,
    "Providers"; or `package.module:Class`."""
    timeout_s: float = Field(30, gt=0)
    """Seconds that the service may be silent; longer than elsewhere, as it may load a model."""
    model: str | None = None
    """Model name as the provider knows it; None: the provider's default. For `embedded` the path
    of a GGUF file; None: the rules answer."""
    context_tokens: int | None = Field(None, ge=256)
    """Tokens the model reads; older items are left out beyond it. None: it is not limited here, but
    8192 for a GGUF file."""
    temperature: float | None = Field(None, ge=0.0, le=2.0)
    """Sampling temperature; None leaves it to the provider."""
    audio_input: bool = False
    """Give the model what the user said as audio, not as a transcript: for models that hear. The
    answer then waits for no recogniser, which runs beside it for the transcript alone."""
    noise_reduced: bool = False
    """Whether such a model, too, gets the audio that a session's `noise_reduction` has filtered for
    the turn detector."""
    default_instructions: str = DEFAULT_INSTRUCTIONS
    """Instructions of a session until the client sets its own."""

    @property
    def model_name(self) -> str | None:
        """The model's name for clients, whom the folder of a file is no concern of."""
        if self.model is None or self.provider != "embedded":
            return self.model
        return Path(self.model).stem


def _no_auto(language: Any) -> Any:
    """Read `auto` as no language."""
    return None if isinstance(language, str) and language.lower() == "auto" else language


class STTConfig(_Provider):
    """Speech recognition."""

    provider: str = "embedded"
    """`embedded` (Whisper, or pocketsphinx without it), `openai` (any `/v1/audio/transcriptions`)
    or another of those in README, "Providers"; or `package.module:Class`."""
    model: str | None = None
    """Model name as the provider knows it; None: the provider's default."""
    language: Annotated[str | None, BeforeValidator(_no_auto)] = None
    """ISO 639-1 code of the spoken language; None or `auto`: the recogniser decides."""
    noise_reduced: bool | None = None
    """Whether the recogniser, too, gets the audio that a session's `noise_reduction` has filtered
    for the turn detector. None: where that helps it, as it does pocketsphinx."""


class TTSConfig(_Provider):
    """The voice."""

    provider: str = "embedded"
    """`embedded` (espeak-ng or flite), `openai` (any `/v1/audio/speech`) or another of those in
    README, "Providers"; or `package.module:Class`."""
    voice_id: str | None = None
    """Voice a session starts with; None: `alloy`."""
    model: str | None = None
    """Model name as the provider knows it; None: the provider's default."""
    gap_timeout_s: float | None = Field(None, gt=0)
    """Seconds that the audio of a clause may pause once it has begun; None: 2, but `timeout_s` for
    a Pipecat class. It is of services: an engine in this process is slow rather than lost."""


class StackConfig(Group):
    """A stack beside the one of the tables above, which clients choose by its name as the model.

    What it does not say is said there (`settings/stacks.py`); `load_settings` fills that in.
    """

    profile: str | None = None
    """A ready-made stack that it begins with, such as `chinese`."""
    stt: STTConfig = Field(default_factory=STTConfig)
    llm: LLMConfig = Field(default_factory=LLMConfig)
    tts: TTSConfig = Field(default_factory=TTSConfig)
    upstream: UpstreamConfig = Field(default_factory=UpstreamConfig)
    """Only if it is named here: another stack's is not its own."""
    vad: VADConfig = Field(default_factory=VADConfig)
    turns: TurnsConfig = Field(default_factory=TurnsConfig)
    processors: ProcessorConfig = Field(default_factory=ProcessorConfig)
    """What it says itself; `Settings.of_stack` has the server's too."""


def _tell_models_dir(stages: Settings | StackConfig, folder: Path | None) -> None:
    for stage in (stages.stt, stages.llm, stages.tts):
        stage._models_dir = folder


class Settings(BaseSettings):
    """All groups together. Build one with `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_file=DOTENV,
        env_file_encoding="utf-8",
        extra="ignore",
    )

    server: ServerConfig = Field(default_factory=ServerConfig)
    limits: LimitsConfig = Field(default_factory=LimitsConfig)
    webrtc: WebRTCConfig = Field(default_factory=WebRTCConfig)
    audio: AudioConfig = Field(default_factory=AudioConfig)
    vad: VADConfig = Field(default_factory=VADConfig)
    turns: TurnsConfig = Field(default_factory=TurnsConfig)
    models: ModelsConfig = Field(default_factory=ModelsConfig)
    stt: STTConfig = Field(default_factory=STTConfig)
    llm: LLMConfig = Field(default_factory=LLMConfig)
    tts: TTSConfig = Field(default_factory=TTSConfig)
    translation: TranslationConfig = Field(default_factory=TranslationConfig)
    mcp: McpConfig = Field(default_factory=McpConfig)
    model_server: ModelServerConfig = Field(default_factory=ModelServerConfig)
    processors: ProcessorConfig = Field(default_factory=ProcessorConfig)
    upstream: UpstreamConfig = Field(default_factory=UpstreamConfig)
    recording: RecordingConfig = Field(default_factory=RecordingConfig)
    stacks: dict[str, StackConfig] = Field(default_factory=dict)
    """Further stacks, by the name that clients choose them by: lower-case letters, digits, `.`, `-`
    and `_`."""

    def of_stack(self, name: str) -> Settings:
        """Return the settings of the stack of a name: its own stages, and all else as here."""
        stack = self.stacks[name]
        kinds = ("stt", "llm", "tts", "upstream", "vad", "turns", "processors")
        update = {kind: getattr(stack, kind) for kind in kinds}
        if stack.upstream.provider is None:
            # Between an upstream's stages nothing can stand.
            update["processors"] = stack.processors.over(self.processors)
        return with_upstream(self.model_copy(update=update))

    def key_texts(self) -> tuple[str, ...]:
        """Return all keys that are configured, and those of vendors' variables, for the log."""
        return key_texts(self, {*VENDOR_KEYS.values(), *KEY_VARIABLES.values()})

    @model_validator(mode="after")
    def _tell_where_models_are(self) -> Self:
        """Tell each stage where its models are kept."""
        _tell_models_dir(self, self.models.dir)
        for stack in self.stacks.values():
            _tell_models_dir(stack, self.models.dir)
        return self

    @model_validator(mode="after")
    def _answer_once(self) -> Self:
        """Let a server under test not speculate: a rule of its script counts for one response."""
        if self.server.testing and "speculative" not in self.vad.model_fields_set:
            self.vad = self.vad.model_copy(update={"speculative": False})
        return self

    @model_validator(mode="after")
    def _know_no_outside(self) -> Self:
        """Refuse what a virtual clock does not wait for, and would find late at once."""
        refuse_outside(self)
        return self

    @field_validator("stacks")
    @classmethod
    def _check_stacks(cls, stacks: dict[str, StackConfig]) -> dict[str, StackConfig]:
        """Refuse names that no URL or variable could carry."""
        return valid_stack_names(stacks)

    @field_validator("webrtc")
    @classmethod
    def _check_ports(cls, webrtc: WebRTCConfig, info: ValidationInfo) -> WebRTCConfig:
        """Refuse a UDP port above which there are not enough others for all workers."""
        server = info.data.get("server")
        if isinstance(server, ServerConfig):
            last = webrtc.port_of_worker(server.workers - 1, server.port)
            if last > 65535:
                raise ValueError(
                    _(
                        "each worker has a UDP port of its own, so {workers} of them would need "
                        "those up to {last}, and 65535 is the last one; set webrtc.udp_port to a "
                        "lower number"
                    ).format(workers=server.workers, last=last)
                )
        return webrtc


def load_settings(
    toml: str | Path | None = None, profile: str | None = None, /, **overrides: Any
) -> Settings:
    """Read the settings from every source.

    Args:
        toml: A TOML file with the tables `[server]`, `[vad]`, `[stt]`, `[llm]`, `[tts]`;
            None takes the path in `REALTIME_CONFIG`, if set.
        profile: A ready-made stack; None takes the name in `REALTIME_PROFILE`, if set.
        **overrides: Groups as dictionaries, as the command line gives them; they win.

    Raises:
        ConfigError: A file that cannot be read, an unknown name or a value out of range.
    """

    class _Loaded(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return layers(settings_cls, init_settings, env_settings, dotenv_settings, toml, profile)

    with explained(Settings):
        loaded = dict(_Loaded(**overrides))
    refuse_nameless(loaded["upstream"])
    loaded["upstream"] = loaded["upstream"].beside(loaded)
    stacks = {name: completed(name, stack, loaded) for name, stack in loaded["stacks"].items()}
    for name, stack in stacks.items():
        _tell_models_dir(stack, loaded["models"].dir)
        refuse_nameless(stack.upstream, f"stacks.{name}.upstream")
    return with_upstream(Settings.model_construct(**{**loaded, "stacks": stacks}))
