"""One HTTP client per provider and process, for OpenAI and all servers with its API."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Mapping

from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    DefaultAsyncHttpxClient,
    Timeout,
)
from pipecat.utils.errors import ErrorCategory
from pipecat.utils.security.redaction import redact_secrets

from config import MIN_SECRET_LENGTH
from providers.base import ProviderSetupError
from providers.http_clients import UNCOMPRESSED, bounded, trusted, wait_briefly
from providers.options import Options, ProviderConfig, parse_options, variable
from settings.localisation import _
from settings.masks import masked
from settings.openai_variables import forget_vendor
from settings.origins import is_here
from settings.provider_declarations import is_of_vendor

OPENAI_HOST = "api.openai.com"
OPENAI_DOMAINS = ("openai.com",)
NO_KEY = "none"
"""Placeholder key: local servers need none, but the SDK insists on one."""

SHOWN_CHARACTERS = 200
"""Characters of a server's error message that are shown."""


def explained(refusal: APIStatusError) -> APIStatusError:
    """Return an error with the server's own message, which the SDK drops unless in OpenAI's form.

    Other servers write `{"error": "…"}`, `{"detail": "…"}` or a plain sentence.
    """
    # Masked before it is cut: of half a key nothing tells that it is one.
    said = " ".join(refusal.response.text.split())
    key = refusal.request.headers.get("Authorization", "").removeprefix("Bearer ")
    if len(key) >= MIN_SECRET_LENGTH:
        said = masked(said, [key])
    words = redact_secrets(said)[:SHOWN_CHARACTERS]
    status = f"Error code: {refusal.status_code}"
    if not words or refusal.message != status:
        return refusal
    return type(refusal)(f"{status} - {words}", response=refusal.response, body=refusal.body)


def unconnected(error: APIConnectionError) -> str:
    """Return why there was no connection, which the SDK calls `Connection error.` whatever it was.

    Args:
        error: As the SDK raised it, for a request to `error.request.url`.
    """
    if isinstance(error, APITimeoutError):
        return error.message.rstrip(".")
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, BaseExceptionGroup):
            # A host of several addresses: one failure for each.
            cause = cause.exceptions[0]
        if isinstance(cause, socket.gaierror):
            name = error.request.url.host
            return f"the name {name} cannot be resolved ({cause.strerror})"
        if isinstance(cause, OSError) and cause.errno and not isinstance(cause, ssl.SSLError):
            return os.strerror(cause.errno)
        last, cause = cause, cause.__cause__ or cause.__context__
    return (str(last) or str(error)).rstrip(".")


class SharedClient:
    """The connection pool of one provider; services of all sessions use it."""

    def __init__(self, kind: str, config: ProviderConfig, default_base: str | None = None) -> None:
        """Check the configuration and open the pool (no connection yet).

        Args:
            kind: `stt`, `llm` or `tts`, for errors.
            config: The kind's settings.
            default_base: Base URL unless `config.api_base` names one; None: OpenAI itself.

        Raises:
            ProviderSetupError: No key for OpenAI itself, or any option: there are none.
        """
        self.base_url = config.api_base or default_base
        self._kind = kind
        self._vendor = is_of_vendor(self.base_url, OPENAI_DOMAINS)
        key = config.resolved_key()
        self._has_key = key is not None
        if key is None and self.base_url is None:
            raise ProviderSetupError(
                _(
                    "{kind}.provider 'openai' needs OPENAI_API_KEY, or "
                    "{kind}.api_base for another OpenAI-compatible server, "
                    "e.g. http://localhost:11434/v1."
                ).format(kind=kind)
            )
        if self.base_url is not None and not self.base_url.startswith("http"):
            raise ProviderSetupError(
                _("{kind}.api_base '{base_url}' must begin with http:// or https://.").format(
                    kind=kind, base_url=self.base_url
                )
            )
        parse_options(kind, config, Options)
        self.openai = AsyncOpenAI(
            api_key=key or NO_KEY,
            base_url=self.base_url,
            max_retries=config.retries,
            timeout=Timeout(config.timeout_s, connect=config.connect_timeout_s),
            http_client=DefaultAsyncHttpxClient(
                verify=trusted(),
                headers=UNCOMPRESSED,
                trust_env=not is_here(self.base_url or ""),
                event_hooks={"response": [wait_briefly, bounded(kind)]},
            ),
        )
        if not self._vendor:
            forget_vendor(self.openai)

    @property
    def remedies(self) -> Mapping[ErrorCategory, str]:
        """What to do about a refused key; OpenAI's own variable has no say at another server."""
        if self._vendor:
            return {}
        setting = f"{self._kind}.api_key ({variable(self._kind, 'api_key')})"
        # For clients, and so in English.
        told = (
            f"Check {setting}, which it is sent."
            if self._has_key
            else f"It was sent no key: set {setting}."
        )
        return {ErrorCategory.AUTHENTICATION: told}

    @property
    def address(self) -> str:
        """URL of the service."""
        return str(self.openai.base_url)

    @property
    def where(self) -> str:
        """Host of the service, for labels and errors."""
        return self.openai.base_url.host

    async def close(self) -> None:
        """Close all connections."""
        await self.openai.close()
