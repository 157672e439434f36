"""Says what went wrong at a provider: which stage, why, and what to do about it."""

from __future__ import annotations

from openai import APIConnectionError
from pipecat.frames.frames import ErrorFrame
from pipecat.utils.errors import ErrorCategory, classify_http_exception

from generation import ProviderError

_REMEDIES: dict[ErrorCategory, tuple[str, str]] = {
    ErrorCategory.AUTHENTICATION: ("invalid_api_key", "Check the API key of this stage."),
    ErrorCategory.AUTHORIZATION: ("permission_denied", "Check what the API key may use."),
    ErrorCategory.INVALID_REQUEST: ("invalid_request", "Check the model, voice and options."),
    ErrorCategory.RATE_LIMIT: ("rate_limit_exceeded", "Try again later."),
    ErrorCategory.QUOTA: ("insufficient_quota", "Check the account's credit."),
    ErrorCategory.CONNECTIVITY: (
        "provider_unreachable",
        "Check that it runs and that api_base is right.",
    ),
}
_UNKNOWN = ("provider_error", "The server's log with debug on says more.")


def provider_error(stage: str, label: str, frame: ErrorFrame) -> ProviderError:
    """Describe a stage's error frame for the client.

    Args:
        stage: `STT`, `LLM` or `TTS`.
        label: The provider's name for people.
        frame: The error; Pipecat has masked credentials in its text.
    """
    code, remedy = _REMEDIES.get(_category(frame), _UNKNOWN)
    reason = " ".join(str(frame.error).split()).rstrip(".")
    return ProviderError(f"{stage} {label} failed: {reason}. {remedy}", code)


def _category(frame: ErrorFrame) -> ErrorCategory:
    known = frame.category or ErrorCategory.UNKNOWN
    if known is not ErrorCategory.UNKNOWN or frame.exception is None:
        return known
    # The SDK wraps what happened on the socket, so the type is all there is to go by.
    if isinstance(frame.exception, APIConnectionError | OSError):
        return ErrorCategory.CONNECTIVITY
    return classify_http_exception(frame.exception) or known
