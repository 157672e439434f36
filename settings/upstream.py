"""Settings of a speech-to-speech service that stands behind the sessions, in place of the stages.

It hears and speaks by itself: recogniser, model and voice are then not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, PrivateAttr, SecretStr, field_validator

from settings.group import Group
from settings.localisation import _
from settings.sources import ConfigError

KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "google": "GOOGLE_API_KEY"}
"""The variable in which each vendor expects its key, which is sent to that vendor alone."""


class UpstreamConfig(Group):
    """The speech-to-speech service, if there is one."""

    provider: Literal["openai", "google"] | None = None
    """`openai`: OpenAI's Realtime service, or any server that speaks its protocol, at `url`.
    `google`: Gemini Live. None: recogniser, model and voice are those of `[stt]`, `[llm]`,
    `[tts]`."""
    url: str | None = None
    """Address of the service, for example `ws://localhost:8001/v1/realtime`; None: the vendor's."""
    model: str | None = None
    """Model name as the service knows it; None: `gpt-realtime`, or `gemini-3.8-live`."""
    api_key: SecretStr | None = None
    """API key. Unset: `OPENAI_API_KEY` or `GOOGLE_API_KEY`, which is sent to its vendor alone."""
    voice_id: str | None = None
    """Voice that a session starts with; None: `alloy`, for which Gemini Live has a voice too."""
    connect_timeout_s: float = Field(5, gt=0)
    """Seconds within which a connection to the service has to stand."""
    timeout_s: float = Field(30, gt=0)
    """Seconds that the service may be silent: before its first result and between two pieces."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Further arguments that only this service knows; `docs/operations.md` lists them."""

    _unused: tuple[str, ...] = PrivateAttr(())

    @property
    def unused(self) -> tuple[str, ...]:
        """Tables of stages that are set beside it, and have no effect."""
        return self._unused

    def beside(self, groups: Mapping[str, Any]) -> UpstreamConfig:
        """Return the same, knowing of the server's tables what has no effect beside it."""
        known = self.model_copy()
        known._unused = tuple(
            kind
            for kind in ("stt", "llm", "tts")
            if self.provider and groups[kind].model_fields_set - {"default_instructions"}
        )
        return known

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        """Refuse an address to which nothing can connect."""
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss", "http", "https") or not parts.hostname:
            raise ValueError(
                _(
                    "{url} is no address of a Realtime service; it must begin with ws:// or wss:// "
                    "(or http://, https://) and name a host, as ws://localhost:8001/v1/realtime "
                    "does"
                ).format(url=repr(url))
            )
        return url


def refuse_nameless(config: UpstreamConfig, table: str = "upstream") -> None:
    """Refuse settings of a service that is not named: they would have no effect.

    Args:
        config: The service.
        table: The name of its table.

    Raises:
        ConfigError: `provider` is unset, and something else is set.
    """
    given = sorted(config.model_fields_set - {"provider"})
    if config.provider is None and given:
        raise ConfigError(
            _(
                "{table}.{name} is set, but {table}.provider is not: set it to 'openai' for any "
                "server with OpenAI's Realtime protocol, to 'google' for Gemini Live, or leave out "
                "{table}.{name}"
            ).format(table=table, name=given[0])
        )


_Settings = TypeVar("_Settings", bound=BaseModel)


def with_upstream(settings: _Settings) -> _Settings:
    """Return all settings as an upstream needs them; without one they stay as they are.

    Its model and voice are those by which clients know the server. It answers at the end of a turn:
    an answer that is begun early, in vain, would have to be paid for. No stage is loaded, so the
    tables of stages name none.

    Args:
        settings: With the groups `upstream`, `vad`, `stt`, `llm` and `tts`.
    """
    groups: dict[str, Any] = dict(settings)
    config: UpstreamConfig = groups["upstream"]
    if config.provider is None:
        return settings
    none = {"provider": "upstream", "options": {}}
    changed: dict[str, dict[str, Any]] = {
        "vad": {"speculative": False},
        "stt": none,
        "llm": {**none, "model": config.model, "audio_input": True},
        "tts": {**none, "voice_id": config.voice_id},
    }
    return settings.model_copy(
        update={kind: groups[kind].model_copy(update=update) for kind, update in changed.items()}
    )
