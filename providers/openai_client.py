"""One HTTP client per provider for the whole process, for OpenAI and all that speak its API."""

from __future__ import annotations

from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config import LLMConfig, STTConfig, TTSConfig
from providers.base import ProviderSetupError

NO_KEY = "none"
"""Local servers want no key, but the SDK wants one."""


class ClientOptions(BaseModel):
    """`options` of the `openai` providers."""

    model_config = ConfigDict(extra="forbid")

    connect_timeout_s: float = Field(5, gt=0)
    """Until the connection stands."""
    read_timeout_s: float = Field(30, gt=0)
    """Between two pieces of an answer."""
    retries: int = Field(1, ge=0, le=5)
    """Attempts after a first one that failed before it answered anything."""


class SharedClient:
    """The connection pool of one provider; services of all sessions use it."""

    def __init__(self, kind: str, config: STTConfig | LLMConfig | TTSConfig) -> None:
        """Check the configuration and open the pool (no connection yet).

        Args:
            kind: `stt`, `llm` or `tts`, for errors.
            config: The kind's settings.

        Raises:
            ProviderSetupError: No key for OpenAI itself, or a bad option.
        """
        key = config.resolved_key()
        self.base_url = config.api_base
        if key is None and config.api_base is None:
            raise ProviderSetupError(
                f"{kind}.provider 'openai' needs OPENAI_API_KEY, or {kind}.api_base for another "
                "OpenAI-compatible server, e.g. http://localhost:11434/v1."
            )
        try:
            options = ClientOptions.model_validate(config.options)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise ProviderSetupError(f"{kind}.options.{name}: {first['msg']}.") from error
        self.openai = AsyncOpenAI(
            api_key=key or NO_KEY,
            base_url=config.api_base,
            max_retries=options.retries,
            timeout=Timeout(options.read_timeout_s, connect=options.connect_timeout_s),
            http_client=DefaultAsyncHttpxClient(),
        )

    @property
    def where(self) -> str:
        """Host of the service, for people."""
        return self.openai.base_url.host

    async def close(self) -> None:
        """Close all connections."""
        await self.openai.close()
