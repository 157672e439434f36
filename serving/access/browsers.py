"""CORS: which web pages may read the server's HTTP responses."""

from __future__ import annotations

from fastapi.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from serving.access.keys import Access


class PagesMiddleware(CORSMiddleware):
    """CORS headers that let the origins that may connect read responses, and no others."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        """Wrap `app`; `access` decides which origins are allowed."""
        super().__init__(
            app,
            allow_methods=["GET", "POST", "DELETE"],
            # Clients send headers of their own (`x-openai-agents-sdk`), and may send any.
            allow_headers=["*"],
            # A call's id is in it (§D.2).
            expose_headers=["Location"],
        )
        self._access = access

    def is_allowed_origin(self, origin: str) -> bool:
        """Return whether a page from `origin` may read responses."""
        return self._access.admits_origin(origin)
