"""What a client asks for when it connects, and why it may be refused (§D.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from config import Settings
from protocol import REALTIME_MODELS, ProtocolError

_BETA_HEADER = "realtime=v1"
_BETA_SUBPROTOCOL = "openai-beta.realtime-v1"


class Refused(Exception):
    """The connection is refused: one error event, then close code 4000."""

    def __init__(self, code: str | None, message: str) -> None:
        super().__init__(message)
        self.error = ProtocolError(code, message)
        self.close_reason = f"invalid_request_error.{code}" if code else "invalid_request_error"


def model_names(settings: Settings) -> list[str]:
    """Names a client may ask for: those that OpenAI's clients use, and the configured model."""
    own = [settings.llm.model] if settings.llm.model else []
    return [*REALTIME_MODELS, *(name for name in own if name not in REALTIME_MODELS)]


def check_handshake(
    settings: Settings,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    subprotocols: Sequence[str],
) -> str:
    """Return the model name of the session.

    Args:
        settings: The server's configuration.
        query: Query parameters of the URL; unknown ones are nobody's business.
        headers: Request headers, by lower-case name.
        subprotocols: WebSocket subprotocols that the client offers.

    Raises:
        Refused: The client asks for what this server does not serve.
    """
    if _BETA_HEADER in headers.get("openai-beta", "") or _BETA_SUBPROTOCOL in subprotocols:
        raise Refused(
            "beta_api_shape_disabled",
            "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
        )
    if "intent" in query:
        raise Refused(
            "invalid_value",
            f"Sessions with intent '{query['intent']}' are not supported by this server yet.",
        )
    if "call_id" in query:
        raise Refused("call_id_not_found", "No session found for the provided call_id.")
    names = model_names(settings)
    model = query.get("model") or settings.llm.model or names[0]
    if model not in names:
        raise Refused(
            "invalid_model",
            f'Model "{model}" is not supported in realtime mode. GET /v1/models lists the names '
            "that are; llm.model adds one.",
        )
    return model
