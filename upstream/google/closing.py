"""Why Gemini Live closed a connection: it tells errors by the close alone, in words.

A wrong key, a model that does not exist, a message that it does not take and a used-up quota all
come so, with few codes between them [live].
"""

from __future__ import annotations

from pipecat.utils.errors import ErrorCategory

from providers.links.failures import KEPT_CHARACTERS, LinkFailure, lost

_SAID = (
    ("api key", ErrorCategory.AUTHENTICATION),
    ("unauthenticated", ErrorCategory.AUTHENTICATION),
    ("permission", ErrorCategory.AUTHORIZATION),
    ("quota", ErrorCategory.QUOTA),
    ("billing", ErrorCategory.QUOTA),
    ("resource_exhausted", ErrorCategory.RATE_LIMIT),
    ("rate limit", ErrorCategory.RATE_LIMIT),
    ("aborted", ErrorCategory.CONNECTIVITY),
)
_CODES = {
    1007: ErrorCategory.INVALID_REQUEST,
    1008: ErrorCategory.INVALID_REQUEST,
    1011: ErrorCategory.SERVER,
    1013: ErrorCategory.SERVER,
}


def why(code: int, reason: str) -> LinkFailure:
    """Return what a close code and its reason mean."""
    told = f"the service closed the connection (close code {code})"
    said = reason.lower()
    category = next((kind for word, kind in _SAID if word in said), _CODES.get(code))
    if category is None:
        return lost(told)
    return LinkFailure(category, told, " ".join(reason.split())[:KEPT_CHARACTERS])
