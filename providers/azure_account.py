"""What Azure's recogniser and voices share: the account, the addresses, and their errors."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from azure.cognitiveservices.speech import CancellationErrorCode, SpeechConfig
from dotenv import dotenv_values
from pipecat.utils.errors import ErrorCategory, classify_http_status_code

from providers.base import ProviderSetupError
from providers.options import ProviderConfig, required_key
from settings.localisation import _
from settings.provider_declarations import Declaration

REGION_VARIABLE = "AZURE_SPEECH_REGION"
NO_KEY = "none"
"""Placeholder key: a self-hosted container needs none, but the SDK insists on one."""

_CATEGORIES = {
    CancellationErrorCode.AuthenticationFailure: ErrorCategory.AUTHENTICATION,
    CancellationErrorCode.BadRequest: ErrorCategory.INVALID_REQUEST,
    CancellationErrorCode.TooManyRequests: ErrorCategory.RATE_LIMIT,
    CancellationErrorCode.Forbidden: ErrorCategory.QUOTA,
    CancellationErrorCode.ConnectionFailure: ErrorCategory.CONNECTIVITY,
    CancellationErrorCode.ServiceTimeout: ErrorCategory.CONNECTIVITY,
    CancellationErrorCode.ServiceError: ErrorCategory.SERVER,
    CancellationErrorCode.ServiceUnavailable: ErrorCategory.SERVER,
}
_STATUS = re.compile(r"\((4\d\d)\)")
"""Finds the HTTP status in the SDK's error message."""
_QUOTA = re.compile(r"\bquota\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AzureAccount:
    """A Speech resource, or a self-hosted container."""

    key: str
    region: str | None
    endpoint: str | None

    @classmethod
    def of(
        cls, declaration: Declaration, config: ProviderConfig, region: str | None
    ) -> AzureAccount:
        """Read the account from a group of settings.

        Args:
            declaration: Names the provider in errors.
            config: The group.
            region: The option `region`.

        Raises:
            ProviderSetupError: No key, or not exactly one of region and `api_base`.
        """
        kind = declaration.kind
        if config.api_base and region:
            raise ProviderSetupError(
                _(
                    "{kind}.options.region has no meaning beside "
                    "{kind}.api_base: unset one of them."
                ).format(kind=kind)
            )
        if config.api_base:
            return cls(config.resolved_key() or NO_KEY, None, config.api_base)
        key = required_key(declaration, config)
        region = (
            region or os.environ.get(REGION_VARIABLE) or dotenv_values(".env").get(REGION_VARIABLE)
        )
        if not region:
            raise ProviderSetupError(
                _(
                    "{kind}.provider 'azure' needs the region of the Speech "
                    "resource: set {region_variable} or {kind}.options.region, "
                    "e.g. westeurope. A server of one's own is named by "
                    "{kind}.api_base."
                ).format(kind=kind, region_variable=REGION_VARIABLE)
            )
        return cls(key, region, None)

    def address(self, service: Literal["stt", "tts"]) -> str:
        """Return the URL of one of the account's services."""
        return self.endpoint or f"https://{self.region}.{service}.speech.microsoft.com"

    @property
    def where(self) -> str:
        """Region or host, for labels and errors."""
        return self.region or urlsplit(self.endpoint or "").hostname or ""


def without_reports(speech: SpeechConfig) -> SpeechConfig:
    """Keep Microsoft's SDK from telling the service how fast it is, and by which device.

    The switch is the one that the SDK's own read-me names. Recognisers obey it; what voices tell
    all the same is in SECURITY.md.
    """
    speech.set_property_by_name("SPEECH-TelemetryDataEnabled", "false")
    return speech


def remedies(declaration: Declaration) -> Mapping[ErrorCategory, str]:
    """Return the remedy for each kind of failure."""
    kind = declaration.kind
    return {
        ErrorCategory.AUTHENTICATION: (
            f"Check {declaration.key_variable} or {kind}.api_key, and that it belongs to the "
            f"region in {REGION_VARIABLE} or {kind}.options.region, or to the server at "
            f"{kind}.api_base."
        ),
        ErrorCategory.RATE_LIMIT: "Try again later, or raise the limits of the Speech resource.",
        ErrorCategory.QUOTA: "Check the quota of the Speech resource.",
        ErrorCategory.CONNECTIVITY: (
            f"Check the network and {REGION_VARIABLE} or {kind}.options.region, or {kind}.api_base."
        ),
    }


def failure_of(code: CancellationErrorCode, details: str) -> tuple[str, ErrorCategory]:
    """Return the reason in one line, and what kind of failure it is.

    Args:
        code: The SDK's error code, which is coarse.
        details: The SDK's error message, which may contain an HTTP status.
    """
    # What follows repeats the address and the headers of the connection.
    reason = re.split(r"\n| SessionId: | USP state: ", details)[0].strip() or code.name
    status = _STATUS.search(reason)
    if _QUOTA.search(reason):
        return reason, ErrorCategory.QUOTA
    if status:
        return reason, classify_http_status_code(int(status[1]))
    return reason, _CATEGORIES.get(code, ErrorCategory.UNKNOWN)
