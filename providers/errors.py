"""Describes a provider's failure for the client: which stage, why, and the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from openai import APIConnectionError
from pipecat.frames.frames import ErrorFrame
from pipecat.utils.errors import (
    ErrorCategory,
    classify_http_exception,
    classify_http_status_code,
)
from pydantic import ValidationError

from providers.base import Provider, StageFailure
from providers.quoted import brief
from session.ports import FailingStage, FailureReason
from settings.masks import is_word
from settings.provider_declarations import is_of_vendor
from settings.stacks import DEFAULT_STACK, in_stack

REFUSALS = {
    ErrorCategory.AUTHENTICATION,
    ErrorCategory.AUTHORIZATION,
    ErrorCategory.INVALID_REQUEST,
    ErrorCategory.RATE_LIMIT,
    ErrorCategory.QUOTA,
}
"""Kinds of failure that a retry would not cure."""

_CODES: Mapping[ErrorCategory, str] = {
    ErrorCategory.AUTHENTICATION: "invalid_api_key",
    ErrorCategory.AUTHORIZATION: "permission_denied",
    ErrorCategory.INVALID_REQUEST: "invalid_request",
    ErrorCategory.RATE_LIMIT: "rate_limit_exceeded",
    ErrorCategory.QUOTA: "insufficient_quota",
    ErrorCategory.CONNECTIVITY: "provider_unreachable",
    ErrorCategory.SERVER: "provider_error",
}
_REMEDIES: Mapping[ErrorCategory, str] = {
    ErrorCategory.AUTHENTICATION: "Check {keys}.",
    ErrorCategory.AUTHORIZATION: "Check what the API key may use.",
    ErrorCategory.INVALID_REQUEST: "Check the model, voice and options.",
    ErrorCategory.RATE_LIMIT: "Try again later, or check the account's limits.",
    ErrorCategory.QUOTA: "Check the account's credit.",
    ErrorCategory.CONNECTIVITY: "Check the way to it, and {stage}.api_base if you set that.",
    ErrorCategory.SERVER: "The fault is on its side: try again later.",
}
_UNKNOWN = "The server's log with debug on says more."
_PREFACES = ("Unknown error occurred: ", "Error during completion: ")
"""Prefixes that Pipecat puts before the reason of an error."""
_QUOTING = "ProtocolError"
"""Names of HTTP libraries' exceptions whose text quotes received data."""
_STATUS = re.compile(
    r"(?:\bHTTP(?:/[\d.]+)?|\bstatus(?:[ _]code)?|\berror)\W{1,3}([45]\d\d)\b", re.IGNORECASE
)
"""Finds an HTTP status in a message: `HTTP 401`, `status_code: 404`, `Authentication error (401)`.
"""


_UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")
"""What Python says of an argument that a function has not."""
_PARTLY_MASKED = re.compile(r"\w\*{3}|\*{3}\w")
"""Finds a key whose middle a service has masked."""
_TELLING = 4
"""First characters of a key by which it is known again."""


def failure_reason(
    stage: FailingStage, provider: Provider, frame: ErrorFrame, stack: str = DEFAULT_STACK
) -> FailureReason:
    """Describe a stage's error frame for the client.

    Args:
        stage: The stage that failed.
        provider: The provider of the failed service; it may know a better remedy than the usual
            one.
        frame: The error; Pipecat has masked credentials in its text.
        stack: The stack in whose tables the provider's settings are: the remedy names them there.
    """
    category = error_category(frame)
    # Masked before it is cut: of half a key nothing tells that it is one.
    reason = brief(provider.redacted(str(frame.error))).rstrip(".")
    for preface in _PREFACES:
        reason = reason.removeprefix(preface)
    usual = _REMEDIES.get(category, _UNKNOWN).format(
        stage=stage.lower(), keys=_where_keys_are(stage, provider)
    )
    known = _known_failure(frame)
    if category is ErrorCategory.AUTHENTICATION and _shows_part(reason, provider):
        reason = "the API key was refused"
    refused = _refused_setting(provider, frame.exception)
    if refused is not None:
        # The library that would have asked the service refused it, so the service is not at fault.
        category = ErrorCategory.INVALID_REQUEST
        usual = f"Its library does not take {refused} as it is: change or remove that."
    remedy = (known and known.remedy) or (not refused and provider.remedies.get(category)) or usual
    remedy = in_stack(remedy, stack)

    def worded(reason: str) -> str:
        return provider.redacted(f"{stage} {provider.label} failed: {reason}. {remedy}")

    code = (known and known.code) or _CODES.get(category, "provider_error")
    discreet = worded(_discreet_reason(frame, known, category) or reason)
    told = (known and known.told) or worded(reason)
    return FailureReason(told, code, stage=stage, discreet=discreet)


def unreachable_remedy(stage: FailingStage, provider: Provider, stack: str = DEFAULT_STACK) -> str:
    """Return what to do where a provider's service does not answer; `stack` as above."""
    usual = _REMEDIES[ErrorCategory.CONNECTIVITY].format(stage=stage.lower())
    return in_stack(provider.remedies.get(ErrorCategory.CONNECTIVITY, usual), stack)


def _shows_part(text: str, provider: Provider) -> bool:
    """Return whether a text shows a part of a key: services show its beginning and its end.

    The whole of it is masked in any text; of a part nobody but the operator may know either.
    """
    text = provider.redacted(text)
    return bool(_PARTLY_MASKED.search(text)) or any(
        secret[:_TELLING] in text for secret in provider.secrets if not is_word(secret)
    )


def _where_keys_are(stage: str, provider: Provider) -> str:
    """Name the setting of the API key, after the vendor's own variable if it has one."""
    setting = f"{stage.lower()}.api_key"
    declared = provider.declaration
    if declared is None or not is_of_vendor(provider.address, declared.key_domains):
        # The vendor's own variable has no say there.
        return setting
    variable = declared.key_variable
    return f"{variable} or {setting}" if variable else setting


def error_category(frame: ErrorFrame) -> ErrorCategory:
    """Return the kind of failure that an error frame reports."""
    if any(map(_is_quota, _causes(frame.exception))):
        return ErrorCategory.QUOTA
    known = frame.category or ErrorCategory.UNKNOWN
    if known is not ErrorCategory.UNKNOWN:
        return known
    for error in _causes(frame.exception):
        # SDKs wrap errors of the socket, so only the exception's type tells them apart.
        if isinstance(error, APIConnectionError | OSError | TimeoutError):
            return ErrorCategory.CONNECTIVITY
        category = classify_http_exception(error)
        if category not in (None, ErrorCategory.UNKNOWN):
            return category
    # Some services report an error as text alone.
    status = _STATUS.search(str(frame.error))
    return classify_http_status_code(int(status[1])) if status else known


def quotes_received(error: BaseException | None) -> bool:
    """Return whether the text of a connection's failure repeats what the other side sent."""
    kinds = (kind for cause in _causes(error) for kind in type(cause).__mro__)
    return any(kind.__name__ == _QUOTING for kind in kinds)


def _known_failure(frame: ErrorFrame) -> StageFailure | None:
    """Return the failure as one of our own modules described it, if one did."""
    failures = (error for error in _causes(frame.exception) if isinstance(error, StageFailure))
    return next(failures, None)


def _discreet_reason(
    frame: ErrorFrame, known: StageFailure | None, category: ErrorCategory
) -> str | None:
    """Return the reason without text from the service; None if there is none."""
    if known is not None:
        return known.reason
    # The text of a connection failure is written on this side, so it quotes no service.
    if category is ErrorCategory.CONNECTIVITY and not quotes_received(frame.exception):
        return None
    return f"… ({type(frame.exception).__name__})" if frame.exception else "…"


def _refused_setting(provider: Provider, error: BaseException | None) -> str | None:
    """Return the setting that a library refuses as an argument of a call; None: no setting is it.

    What a library takes is known only when it is called, where settings name arguments freely.
    """
    named = (name for cause in _causes(error) for name in _arguments_refused(cause))
    return next(filter(None, map(provider.setting_of, named)), None)


def _arguments_refused(error: BaseException) -> Iterator[str]:
    if isinstance(error, ValidationError):
        for fault in error.errors(include_url=False, include_input=False, include_context=False):
            yield from (part for part in fault["loc"] if isinstance(part, str))
    elif isinstance(error, TypeError) and (found := _UNEXPECTED.search(str(error))):
        yield found[1]


def _is_quota(error: BaseException) -> bool:
    """Return whether the quota is used up; OpenAI answers 429 to that and to rate limits."""
    return getattr(error, "code", None) == "insufficient_quota"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    # An exception raised from itself is its own cause: stop there.
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__
