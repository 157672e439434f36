"""What HTTP libraries make of a refusal: a voice does not wait for as long as they would."""

from __future__ import annotations

from typing import Protocol


class _Headers(Protocol):
    def __setitem__(self, name: str, value: str) -> None: ...

    def pop(self, name: str, default: str | None = None) -> str | None: ...


class _Response(Protocol):
    status_code: int

    @property
    def headers(self) -> _Headers: ...


TOO_MANY = 429


async def do_not_wait(response: _Response) -> None:
    """Let a client library try again at once or not at all (a response hook of httpx).

    It would obey `Retry-After`, which may be a minute, in silence. Somebody who talks is better
    told; and who has sent too many requests should not send another one.
    """
    response.headers.pop("retry-after", None)
    response.headers.pop("retry-after-ms", None)
    if response.status_code == TOO_MANY:
        response.headers["x-should-retry"] = "false"
