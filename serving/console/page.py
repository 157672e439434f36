"""The console's page at `/`, and its files under `/console/`, from the package (§D.9).

They load nothing from any other host and run nothing but their own files. Clients that do not ask
for HTML are told the addresses at `/` (`serving/root_text.py`).
"""

from __future__ import annotations

import hashlib
import re
from html import escape
from pathlib import Path
from string import Template

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from config import ServerConfig
from serving.addresses import Addresses
from settings.paths import CONSOLE_PATH

FOLDER = Path(__file__).parents[2] / "console"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""What is served, by the ends of names. The page itself is at `/` alone."""
_NAME = re.compile(r"(?:[a-z0-9_]+/)*[a-z0-9_]+\.[a-z]+")
"""Matches names without dots before the last one: none of them leads out of the folder."""
_HOST = re.compile(r"[A-Za-z0-9.:_\[\]-]+")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "microphone=(self), camera=(), display-capture=(), geolocation=(), payment=(), usb=()"
    ),
    # It may be kept, but is asked for again: the next version has the same names.
    "Cache-Control": "no-cache",
}


class ConsolePage:
    """Answers browsers; everything else is left to another application."""

    def __init__(self, others: ASGIApp, server: ServerConfig) -> None:
        """Prepare.

        Args:
            others: Answers what is no part of the console.
            server: Has the path of the Realtime API.
        """
        self._others = others
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        answer = self._answer(Request(scope)) if scope["type"] == "http" else None
        await (answer or self._others)(scope, receive, send)

    def _answer(self, request: Request) -> Response | None:
        """Return the answer; None: it is another's to give."""
        if request.method not in ("GET", "HEAD"):
            return None
        path = request.url.path
        if path == "/" and "text/html" in request.headers.get("accept", ""):
            return _kept(request, self._page(request), "text/html", {"Vary": "Accept, Host"})
        found = _file(path.removeprefix(CONSOLE_PATH)) if path.startswith(CONSOLE_PATH) else None
        if found is None:
            return None
        return _kept(request, found.read_bytes(), TYPES[found.suffix], {})

    def _page(self, request: Request) -> bytes:
        """Return the page; it tells the address also to those whose browser runs no scripts."""
        url = request.url
        addresses = Addresses(url.netloc, self._server.ws_path, secure=url.scheme == "https")
        page = Template((FOLDER / "index.html").read_text(encoding="utf-8"))
        told = {
            "address": addresses.base_url or addresses.websocket,
            "path": self._server.ws_path,
            "keys": str(bool(self._server.api_keys)).lower(),
        }
        return page.substitute({name: escape(text) for name, text in told.items()}).encode()


def _file(name: str) -> Path | None:
    path = FOLDER / name
    served = _NAME.fullmatch(name) and path.suffix in TYPES and path.is_file()
    return path if served else None


def _kept(request: Request, body: bytes, kind: str, headers: dict[str, str]) -> Response:
    """Return an answer, without its body for a browser that has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**HEADERS, **headers, "Content-Security-Policy": _policy(request), "ETag": tag}
    known = [name.strip().removeprefix("W/") for name in _tags(request).split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    # The server itself leaves the body of the answer to HEAD out.
    return Response(body, headers=headers, media_type=kind)


def _tags(request: Request) -> str:
    return request.headers.get("if-none-match", "")


def _policy(request: Request) -> str:
    """Return the Content-Security-Policy: nothing inline, and nothing of another host."""
    host = request.headers.get("host", "")
    # Older browsers do not count sockets to the page's own host among 'self'.
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        f"default-src 'self'; connect-src 'self'{sockets}; img-src 'self' data: blob:; "
        "media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
