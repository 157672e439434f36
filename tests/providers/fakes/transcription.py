"""OpenAI's `POST /v1/audio/transcriptions`, as many servers have it."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from tests.support.running_server import serving


class FakeTranscription:
    """Understands every turn as `text`, unless it fails."""

    def __init__(
        self,
        fault: str | int | None = None,
        faults_left: int = 1000,
        text: str = "what was said",
        known: dict[str, Any] | None = None,
    ) -> None:
        self.app = FastAPI()
        self.app.post("/v1/audio/transcriptions")(self.transcribe)
        self.fault = fault
        self.faults_left = faults_left
        """Requests that still go wrong."""
        self.text = text
        self.known = known or {}
        """What the answer has beside the text."""
        self.asked: list[dict[str, list[str]]] = []
        """Fields of each form, without the file; what is an array has `[]` behind its name."""
        self.attempts = 0
        self.heard_ms: list[float] = []
        self.keys: list[str] = []
        self.base = ""

    def recover(self) -> None:
        self.fault = None

    async def transcribe(self, request: Request) -> Response:
        self.attempts += 1
        self.keys.append(request.headers["authorization"])
        if self.fault is not None and self.faults_left:
            self.faults_left -= 1
            return await self._fail(self.fault)
        async with request.form() as form:
            file: Any = form["file"]
            with wave.open(io.BytesIO(await file.read())) as audio:
                self.heard_ms.append(audio.getnframes() * 1000 / audio.getframerate())
            fields = {name: list(map(str, form.getlist(name))) for name in form if name != "file"}
            self.asked.append(fields)
        return JSONResponse({"text": self.text, **self.known})

    async def _fail(self, fault: str | int) -> Response:
        match fault:
            case int():
                return JSONResponse({"detail": "the fake refuses"}, fault)
            case "page":
                return HTMLResponse("<html>Welcome to nginx!</html>")
            case "shape":
                return JSONResponse({"result": 1})
            case "broken":
                return Response('{"text": "half', media_type="application/json")
            case _:
                await asyncio.Event().wait()
                raise AssertionError


@asynccontextmanager
async def fake_transcription(port: int = 0, **behaviour: Any) -> AsyncIterator[FakeTranscription]:
    """Run one on a loopback port; 0: a free one."""
    fake = FakeTranscription(**behaviour)
    async with serving(fake.app, port) as taken:
        fake.base = f"http://127.0.0.1:{taken}/v1"
        yield fake
