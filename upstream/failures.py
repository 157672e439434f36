"""How the client and the log are told of what goes wrong with an upstream."""

from __future__ import annotations

from providers.base import Provider
from providers.errors import failure_reason
from providers.links.failures import LinkFailure, error_frame
from session.ports import FailureReason


def not_so(refused: LinkFailure) -> LinkFailure:
    """Return the failure of a transcript whose settings the service refused."""
    return LinkFailure(
        refused.category,
        f"it does not transcribe with these settings ({refused.reason})",
        refused.quoted,
        "Check session.audio.input.transcription, and upstream.options.transcription_model.",
    )


def told(provider: Provider, failure: LinkFailure) -> FailureReason:
    """Describe a failure for the client, with the secrets of the provider masked."""
    return failure_reason("Upstream", provider, error_frame(failure))
