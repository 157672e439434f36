"""What goes wrong with a connection to a service, told in our own words."""

from __future__ import annotations

from collections.abc import Mapping

from pipecat.frames.frames import ErrorFrame
from pipecat.utils.errors import ErrorCategory

from providers.base import StageFailure

KEPT_CHARACTERS = 10_000
"""Characters of a service's own message that are kept. Far fewer are shown (`providers/quoted.py`),
once keys are masked in them: of half a key nothing would tell that it is one."""
SHOWN_CODE = 60
"""Characters of a service's code for a failure; what is longer is none."""


def shown_code(code: object) -> str:
    """Return a service's code for a failure as it is shown; `…`: what it sent is none."""
    text = str(code)
    return text if len(text) <= SHOWN_CODE and text.replace("_", "").isalnum() else "…"


class LinkFailure(StageFailure):
    """The service did not do what it was asked."""

    def __init__(
        self, category: ErrorCategory, reason: str, quoted: str = "", remedy: str | None = None
    ) -> None:
        """Describe it.

        Args:
            category: Its kind, on which the remedy depends.
            reason: What happened, in our own words.
            quoted: The service's own message, which the log does not get.
            remedy: What to do; None: what helps against its kind.
        """
        super().__init__(reason, quoted)
        self.category = category
        self.quoted = quoted
        self.remedy = remedy


def lost(reason: str) -> LinkFailure:
    """Return the failure of a connection."""
    return LinkFailure(ErrorCategory.CONNECTIVITY, reason)


def nonsense(reason: str) -> LinkFailure:
    """Return the failure of a service that does not speak its protocol."""
    return LinkFailure(ErrorCategory.SERVER, reason)


def shut_out(told: str, *, keyed: bool) -> LinkFailure:
    """Return the failure of a service that lets nobody in without a right key.

    Its own message is not quoted: it may show a part of the key, which clients must not see.

    Args:
        told: Its code or status.
        keyed: Whether it was sent a key.
    """
    reason = "the key was refused" if keyed else "it wants a key"
    return LinkFailure(ErrorCategory.AUTHENTICATION, f"{reason} ({told})")


def error_frame(failure: LinkFailure) -> ErrorFrame:
    """Return a failure as the frame in which Pipecat's services report theirs."""
    return ErrorFrame(str(failure), exception=failure, category=failure.category)


_CATEGORIES: Mapping[str, ErrorCategory] = {
    "invalid_api_key": ErrorCategory.AUTHENTICATION,
    "missing_api_key": ErrorCategory.AUTHENTICATION,
    "authentication_error": ErrorCategory.AUTHENTICATION,
    "permission_denied": ErrorCategory.AUTHORIZATION,
    "rate_limit_exceeded": ErrorCategory.RATE_LIMIT,
    "rate_limit_error": ErrorCategory.RATE_LIMIT,
    "insufficient_quota": ErrorCategory.QUOTA,
    "session_expired": ErrorCategory.CONNECTIVITY,
    "server_overloaded": ErrorCategory.SERVER,
    "server_error": ErrorCategory.SERVER,
    "invalid_request_error": ErrorCategory.INVALID_REQUEST,
}


def category_of(error: Mapping[str, object]) -> ErrorCategory:
    """Return the kind of a Realtime error: its code tells, or else its type."""
    for name in (error.get("code"), error.get("type")):
        if isinstance(name, str) and name in _CATEGORIES:
            return _CATEGORIES[name]
    return ErrorCategory.UNKNOWN
