"""What the fakes of all model vendors share: a scripted answer, and every way of failing.

A vendor's fake writes its wire format; how an answer can go wrong is the same for all.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse

Fault = Literal["cut", "ends", "hangs", "stalls", "html", "json", "garbage", "reports"] | int
"""`cut`: the connection breaks in the middle · `ends`: the stream ends there without a word ·
`hangs`: nothing ever comes · `stalls`: nothing more comes · `html`, `json`: 200 with a page or an
error object · `garbage`: events that are none · `reports`: an error event in the stream · a number:
an HTTP status."""


@dataclass
class Answer:
    """What the model says next."""

    words: list[str] = field(default_factory=lambda: ["Hello", " from", " the", " fake."])
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    finish: str | None = None
    """The vendor's word for why it ends; None: the usual one."""


@dataclass
class Asked:
    """What a model was asked, whatever the vendor's format."""

    system: str
    """Instructions and system messages, in one text."""
    messages: list[tuple[str, str]]
    """Role and text, without system messages, calls and results."""
    limit: int | None = None
    """Tokens of the answer."""
    tools: list[str] = field(default_factory=list)
    choice: Any = None
    """In the vendor's own words."""
    images: list[bytes] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    """Of tool calls, in their order."""


class ModelServer(ABC):
    """Records what it is asked; answers what the test set up."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.connections: set[tuple[str, int]] = set()
        self.answer = Answer()
        self.fault: Fault | None = None
        self.faults_left: int | None = None
        """Requests that still go wrong; None: all."""
        self.routes()

    def forget(self) -> None:
        """Forget what was asked, and answer as at first."""
        self.asked.clear()
        self.answer = Answer()

    @abstractmethod
    def routes(self) -> None:
        """Register `converse` under the vendor's path."""

    @abstractmethod
    def error(self, status: int) -> dict[str, Any]:
        """Return the body of a refusal."""

    @abstractmethod
    def begin(self) -> list[str]:
        """Return the events before the first word, and the first word."""

    @abstractmethod
    def rest(self) -> list[str]:
        """Return the events from the second word to the end."""

    @abstractmethod
    def report(self) -> str:
        """Return the event of an error that happens while the model answers."""

    @abstractmethod
    def told(self, asked: dict[str, Any]) -> Asked:
        """Return what a request says."""

    def read(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a request in the form in which the vendor documents it."""
        return body

    async def converse(self, request: Request) -> Response:
        """Answer a request of a client."""
        assert request.client is not None
        self.connections.add((request.client.host, request.client.port))
        self.asked.append(self.read(await request.json()))
        self.headers.append(dict(request.headers))
        fault = self.fault
        if fault is not None and self.faults_left is not None:
            self.faults_left -= 1
            self.fault = fault if self.faults_left else None
        if isinstance(fault, int):
            return JSONResponse(self.error(fault), status_code=fault)
        if fault == "html":
            return HTMLResponse("<html><body>It works!</body></html>")
        if fault == "json":
            return JSONResponse({"message": "no such deployment"})
        if fault == "hangs":
            while not await request.is_disconnected():
                await asyncio.sleep(0.01)
        return StreamingResponse(self._stream(fault), media_type="text/event-stream")

    async def _stream(self, fault: Fault | None) -> AsyncIterator[str]:
        if fault == "garbage":
            yield "event: message_start\ndata: {this is not JSON\n\n"
            return
        for event in self.begin():
            yield event
        if fault == "cut":
            raise ConnectionResetError("cut in the middle")
        if fault == "reports":
            yield self.report()
        if fault == "stalls":
            await asyncio.Event().wait()
        if fault is None:
            for event in self.rest():
                await asyncio.sleep(0)
                yield event


def event(data: dict[str, Any], name: str | None = None) -> str:
    """Return a server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n"
