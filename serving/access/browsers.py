"""Which web pages may read what the server answers."""

from __future__ import annotations

from fastapi.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from serving.access.keys import Access


class PagesMiddleware(CORSMiddleware):
    """Tells browsers which pages may read what is answered: those that may connect."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        """Answer for `app`, as `access` decides."""
        super().__init__(
            app,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "api-key", "openai-beta"],
        )
        self._access = access

    def is_allowed_origin(self, origin: str) -> bool:
        """Return whether a page from `origin` may read it."""
        return self._access.admits_origin(origin)
