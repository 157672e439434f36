"""Where the server is that a session is played to again: from one URL, as SDKs take it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from recordings.timeline import Timeline
from settings.localisation import _
from settings.origins import is_here


class NoAddress(Exception):
    """A URL that names no server. The message is one line."""


@dataclass(frozen=True)
class Address:
    """A server."""

    host: str
    """With its port, as a URL has it."""
    path: str
    """What paths of the API begin with, such as `/v1`."""
    secure: bool

    @classmethod
    def read(cls, url: str) -> Address:
        """Read what SDKs take for a base URL, or what the server prints when it starts.

        Raises:
            NoAddress: It names no server.
        """
        try:
            parts = urlsplit(url if "://" in url else f"ws://{url}")
            if parts.scheme not in ("ws", "wss", "http", "https") or not parts.hostname:
                raise ValueError
            if parts.port == 0:  # one that is no number or too large raises by itself
                raise ValueError
        except ValueError:
            told = _("--url '{url}' is no ws:// or http:// address; try {example}.")
            example = "ws://localhost:8000/v1/realtime"
            raise NoAddress(told.format(url=url, example=example)) from None
        path = parts.path.rstrip("/").removesuffix("/realtime") if parts.path.strip("/") else "/v1"
        return cls(parts.netloc, path, parts.scheme in ("wss", "https"))

    @property
    def http(self) -> str:
        """Its root."""
        return f"http{'s' * self.secure}://{self.host}"

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine: no proxy leads there."""
        return is_here(self.http)

    def websocket(self, timeline: Timeline, model: str | None) -> str:
        """Return where a session like a recorded one is opened.

        Args:
            timeline: The recorded session.
            model: The model that it is to have; None: the recorded one.
        """
        asked: dict[str, str] = {}
        path = f"{self.path}/realtime"
        if timeline.kind == "transcription":
            # Its header names what transcribed, which is no model that a URL may have everywhere.
            asked["intent"] = "transcription"
        elif timeline.dialect == "translation":
            path += "/translations"
        if model or (timeline.model and "intent" not in asked):
            asked["model"] = model or timeline.model
        query = f"?{urlencode(asked)}" if asked else ""
        return f"ws{'s' * self.secure}://{self.host}{path}{query}"


def headers(timeline: Timeline, api_key: str) -> dict[str, str]:
    """Return the headers with which the client of a recorded session connects."""
    told = {"Authorization": f"Bearer {api_key}"}
    if timeline.dialect == "beta":
        told["OpenAI-Beta"] = "realtime=v1"
    return told
