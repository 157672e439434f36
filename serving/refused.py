"""Why a client gets no session, whichever way it came (§D.7)."""

from __future__ import annotations

from collections.abc import Mapping

from session.ports import CloseReason
from wire.errors import ProtocolError


class Refused(Exception):
    """The connection is refused: one error event, then the close; or a status of HTTP."""

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
        """Say why.

        Args:
            code: Code of the error event; None where the service has none.
            message: Its message.
            param: The query parameter at fault.
            reason: What the connection is closed with.
            http_status: Status to refuse the request itself with, instead of an error event.
            headers: Of that answer.
            type_: Whose fault it is, as the error event has it.
        """
        super().__init__(message)
        self.error = ProtocolError(code, message, param, type_=type_)
        self.reason = reason
        self.close_message = f"{type_}.{code}" if code else type_
        self.http_status = http_status
        self.headers = dict(headers or {})

    @property
    def noted_as(self) -> str:
        """What it is counted and logged as."""
        no_code = "missing_key" if self.reason is CloseReason.BAD_KEY else "invalid"
        return self.error.code or no_code
