"""The refusal of a session, whatever the transport (§D.7)."""

from __future__ import annotations

from collections.abc import Mapping

from session.ports import CloseReason
from wire.errors import ProtocolError


class Refused(Exception):
    """A session is refused: by one error event, then the close; or by an HTTP status."""

    def __init__(
        self,
        code: str | None,
        message: str,
        param: str | None = None,
        *,
        reason: CloseReason = CloseReason.BAD_REQUEST,
        http_status: int | None = None,
        headers: Mapping[str, str] | None = None,
        type_: str = "invalid_request_error",
    ) -> None:
        """Describe the refusal.

        Args:
            code: Code of the error event; None where OpenAI sends none.
            message: Its message.
            param: The query parameter at fault.
            reason: Why the connection is closed; the transport maps it to a close code.
            http_status: Status to refuse the request itself with, instead of an error event.
            headers: Headers of that HTTP response.
            type_: `type` of the error event.
        """
        super().__init__(message)
        self.error = ProtocolError(code, message, param, type_=type_)
        self.reason = reason
        self.close_message = f"{type_}.{code}" if code else type_
        self.http_status = http_status
        self.headers = dict(headers or {})

    @property
    def noted_as(self) -> str:
        """Name of the refusal in metrics and the log."""
        no_code = "missing_key" if self.reason is CloseReason.BAD_KEY else "invalid"
        return self.error.code or no_code
