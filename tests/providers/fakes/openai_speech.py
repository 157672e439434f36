"""OpenAI's `POST /v1/audio/speech` with `response_format: pcm`; a tone of 10 ms a character."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from tests.providers.fakes.tone import tone

CHARACTER_MS = 10
PIECE_BYTES = 4801
"""About 100 ms, and half a sample, as networks like to cut."""

Failure = Literal["hang", "hang in the middle", "cut", "no audio", "json", "wav", "mp3"]


class FakeSpeech:
    """Records what it is asked; fails as the test set it up."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.app.post("/v1/audio/speech")(self.speak)
        self.asked: list[dict[str, Any]] = []
        self.status = 200
        self.fail: Failure | None = None
        self.left = asyncio.Event()
        """Set when a client has gone."""
        self.go_on = asyncio.Event()
        """Audio after the first piece waits for it."""
        self.go_on.set()

    def recover(self) -> None:
        self.status, self.fail = 200, None

    async def speak(self, request: Request) -> Response:
        asked = await request.json()
        if self.status != 200:
            error = {"message": "the fake refuses", "type": "x", "code": "x", "param": None}
            return JSONResponse({"error": error}, status_code=self.status)
        assert asked["response_format"] == "pcm"
        if self.fail == "hang":
            while (await request.receive())["type"] != "http.disconnect":
                pass
        if self.fail == "json":
            return JSONResponse({"detail": "the model is being loaded"})
        if self.fail == "wav":
            return Response(b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(100), media_type="audio/pcm")
        if self.fail == "mp3":
            return Response(b"ID3\x04" + bytes(100), media_type="audio/mpeg")
        audio = tone(len(self.asked), len(asked["input"]) * CHARACTER_MS)
        self.asked.append(asked)
        return StreamingResponse(self._pieces(audio), media_type="audio/pcm")

    async def _pieces(self, audio: bytes) -> AsyncIterator[bytes]:
        if self.fail == "no audio":
            return
        try:
            for start in range(0, len(audio), PIECE_BYTES):
                yield audio[start : start + PIECE_BYTES]
                if self.fail == "cut":
                    raise ConnectionResetError("cut in the middle")
                if self.fail == "hang in the middle":
                    await asyncio.Event().wait()
                await self.go_on.wait()
        finally:
            self.left.set()
