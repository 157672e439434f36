"""Client secrets by HTTP: a key for a browser, and the session that it opens (§D.1, D.5)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config import Settings
from serving.access.client_secrets import ClientSecrets
from serving.http_errors import error_body, not_ready, refused
from serving.lifecycle import Lifecycle
from serving.model_names import choose_model
from serving.request_body import read_body
from serving.session_start import Patch, described, start_session, transcription_model
from serving.stacks import Stacks
from serving.translation_start import (
    choose_translation_model,
    read_request,
    start_translation,
)
from wire.beta_reading import in_beta_names, read_session
from wire.beta_writing import beta_sessions
from wire.errors import ProtocolError, explain
from wire.session_fields import McpServerTool, SessionKind, SessionPatch
from wire.strict_json import read_json

BETA_LIFE_S = 60
"""Default lifetime of a key from the beta endpoints, in seconds (§D.5)."""


class _ExpiresAfter(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Field(ge=10, le=7200)] = 600


class _SecretRequest(BaseModel):
    """Body of `POST /v1/realtime/client_secrets`. The session is validated like an update."""

    model_config = ConfigDict(extra="forbid", strict=True)

    expires_after: _ExpiresAfter | None = None
    session: dict[str, Any] | None = None


class _TranslationSecretRequest(BaseModel):
    """Body of `POST /v1/realtime/translations/client_secrets`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    expires_after: _ExpiresAfter | None = None
    session: dict[str, Any]


class _BetaSecret(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    expires_after: _ExpiresAfter | None = None
    expires_at: _ExpiresAfter | None = None


class _BetaSecretRequest(BaseModel):
    """The field of a beta request that configures the key (§D.5)."""

    client_secret: _BetaSecret | None = None


def json_endpoint(
    action: Callable[[dict[str, Any]], dict[str, Any]], lifecycle: Lifecycle
) -> Callable[[Request], Awaitable[JSONResponse]]:
    """Return an endpoint that reads and writes JSON and reports errors as §D.1 says."""

    async def endpoint(request: Request) -> JSONResponse:
        if not lifecycle.ready:
            return refused(not_ready(lifecycle))
        try:
            return JSONResponse(action(await _body(request)))
        except ProtocolError as error:
            return JSONResponse(error_body(error), 400)

    return endpoint


class Mint:
    """Makes client secrets."""

    def __init__(
        self,
        settings: Settings,
        stacks: Stacks,
        client_secrets: ClientSecrets,
        *,
        azure: bool,
    ) -> None:
        """Prepare.

        Args:
            settings: The server's configuration.
            stacks: Those that a session may have.
            client_secrets: Makes the keys.
            azure: Whether the path is Azure's, where any model's name will do.
        """
        self._azure = azure
        self._settings = settings
        self._stacks = stacks
        self._client_secrets = client_secrets

    def client_secret(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer `POST /v1/realtime/client_secrets` (§D.1)."""
        asked = _validated(_SecretRequest, body)
        given = {"type": "realtime"} if asked.session is None else asked.session
        patch = described(given)
        secret, session = self._make(patch, asked.expires_after or _ExpiresAfter())
        return {**secret, "session": session}

    def translation_secret(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer `POST /v1/realtime/translations/client_secrets` (§D.6)."""
        asked = _validated(_TranslationSecretRequest, body)
        life = asked.expires_after or _ExpiresAfter()
        request = read_request(asked.session)
        try:
            model = choose_translation_model(self._settings, request.model, azure=self._azure)
        except ProtocolError as error:
            raise ProtocolError(error.code, error.message, "session.model") from None
        config = start_translation(self._stacks.of(request.model), model, request)
        packed = {"type": "translation", **request.model_dump(mode="json", exclude_unset=True)}
        expires_at = int(time.time()) + life.seconds
        value = self._client_secrets.mint(packed, expires_at)
        session = {**config.wire(), "expires_at": 0}
        return {"value": value, "expires_at": expires_at, "session": session}

    def beta_session(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer `POST /v1/realtime/sessions` (§D.5)."""
        return self._beta(body, "realtime")

    def beta_transcription_session(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer `POST /v1/realtime/transcription_sessions` (§D.5)."""
        return self._beta(body, "transcription")

    def _beta(self, body: dict[str, Any], kind: SessionKind) -> dict[str, Any]:
        chosen = {"client_secret": body.get("client_secret")}
        asked = _validated(_BetaSecretRequest, chosen).client_secret or _BetaSecret()
        # The SDK calls it `expires_at` for transcription sessions.
        life = asked.expires_after or asked.expires_at or _ExpiresAfter(seconds=BETA_LIFE_S)
        patch = read_session(body, kind).session
        try:
            secret, session = self._make(patch, life)
        except ProtocolError as error:
            raise in_beta_names(error) from None
        return beta_sessions(session, secret)

    def _make(self, patch: Patch, life: _ExpiresAfter) -> tuple[dict[str, Any], dict[str, Any]]:
        """Make a client secret; return it and the session that it opens."""
        now = int(time.time())
        packed = patch.model_dump(mode="json", exclude_unset=True)
        model, asked = "", transcription_model(packed)
        if isinstance(patch, SessionPatch):
            try:
                asked = patch.model
                model = choose_model(self._settings, asked, azure=self._azure)
            except ProtocolError as error:
                raise ProtocolError(error.code, error.message, "session.model") from None
            _check_readable(patch)
        stack = self._stacks.of(asked)
        can = stack.pipelines.capabilities
        config = start_session(stack.settings, can, patch.type, model, patch)
        value = self._client_secrets.mint(packed, now + life.seconds)
        return (
            {"value": value, "expires_at": now + life.seconds},
            {**config.wire(), "expires_at": 0},
        )


def _check_readable(patch: SessionPatch) -> None:
    """Refuse what the holder of a client secret, who can read it, is not to know.

    Raises:
        ProtocolError: A server is given its key (§B.13).
    """
    for index, tool in enumerate(patch.tools or ()):
        if not isinstance(tool, McpServerTool):
            continue
        for name in ("authorization", "headers"):
            if getattr(tool, name):
                raise ProtocolError(
                    "invalid_value",
                    f"Whoever holds a client secret can read it, so it cannot carry '{name}'; let "
                    "the operator configure the server (mcp.servers), and name its label.",
                    f"session.tools[{index}].{name}",
                )


_Body = TypeVar("_Body", bound=BaseModel)


def _validated(model: type[_Body], body: dict[str, Any]) -> _Body:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise explain(error, body) from None


async def _body(request: Request) -> dict[str, Any]:
    """Read a JSON object; an empty body is an empty object."""
    body = await read_body(request)
    try:
        parsed = read_json(body.decode()) if body.strip() else {}
    except (ValueError, RecursionError) as error:
        raise ProtocolError("invalid_json", f"The request body is not JSON. {error}") from None
    if not isinstance(parsed, dict):
        raise ProtocolError("invalid_type", "The request body must be a JSON object.")
    return parsed
