"""An OpenAI-compatible server on loopback that speaks the three HTTP APIs as OpenAI does."""

from __future__ import annotations

import asyncio
import json
import wave
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

from fastapi import FastAPI, Request, Response, UploadFile
from fastapi.responses import JSONResponse, StreamingResponse


class FakeOpenAI:
    """Records requests; answers what the test has set."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.chats: list[dict[str, Any]] = []
        self.transcriptions: list[dict[str, Any]] = []
        self.speeches: list[dict[str, Any]] = []
        self.connections: set[tuple[str, int]] = set()
        self.headers: list[dict[str, str]] = []
        self.reply = ["Hello", " from", " the", " fake."]
        self.tool_calls: list[tuple[str, str]] = []
        self.finish: str | None = "stop"
        self.transcript = "what the user said"
        self.status = 200
        self.voice_fails = False
        self.refused = 0
        self.refusal = "the fake refuses"
        self.cut = False
        self.voices: Any = None
        """Its list of voices; None: it has no such endpoint."""
        self.voices_asked = 0
        self.voices_hang = False
        self.app.get("/v1/audio/voices")(self.list_voices)
        self.app.post("/v1/chat/completions")(self.chat)
        self.app.post("/v1/audio/transcriptions")(self.transcribe)
        self.app.post("/v1/audio/speech")(self.speak)

    def _seen(self, request: Request) -> JSONResponse | None:
        assert request.client is not None
        self.connections.add((request.client.host, request.client.port))
        self.headers.append(dict(request.headers))
        if self.status == 200:
            return None
        self.refused += 1
        error = {"message": self.refusal, "type": "x", "code": "x", "param": None}
        return JSONResponse({"error": error}, status_code=self.status)

    async def chat(self, request: Request) -> Response:
        self.chats.append(await request.json())
        return self._seen(request) or StreamingResponse(
            self._chunks(), media_type="text/event-stream"
        )

    async def _chunks(self) -> AsyncIterator[str]:
        def chunk(**choice: Any) -> str:
            body = {
                "id": "chatcmpl-1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "fake",
                "choices": [{"index": 0, "finish_reason": None, "delta": {}, **choice}],
            }
            return f"data: {json.dumps(body)}\n\n"

        for piece in self.reply:
            yield chunk(delta={"role": "assistant", "content": piece})
            await asyncio.sleep(0)
        if self.cut:
            raise ConnectionResetError("cut in the middle")
        for index, (name, arguments) in enumerate(self.tool_calls):
            head = {"name": name, "arguments": ""}
            call_id = f"chatcmpl-tool-{'x' * 32}-{index}"
            first = {"index": index, "id": call_id, "type": "function", "function": head}
            yield chunk(delta={"tool_calls": [first]})
            for piece in (arguments[:5], arguments[5:]):
                function = {"index": index, "function": {"arguments": piece}}
                yield chunk(delta={"tool_calls": [function]})
        if self.finish is None:
            return
        yield chunk(finish_reason=self.finish)
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        final = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1}
        yield f"data: {json.dumps({**final, 'model': 'fake', 'choices': [], 'usage': usage})}\n\n"
        yield "data: [DONE]\n\n"

    async def transcribe(self, request: Request) -> Response:
        refused = self._seen(request)
        if refused:
            return refused
        async with request.form() as form:
            upload = form["file"]
            assert not isinstance(upload, str)
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
            fields["audio"] = await _read(upload)
        self.transcriptions.append(fields)
        return JSONResponse({"text": self.transcript})

    async def list_voices(self, request: Request) -> Response:
        self.voices_asked += 1
        self.headers.append(dict(request.headers))
        if self.voices_hang:
            while (await request.receive())["type"] != "http.disconnect":
                pass
        if self.voices is None:
            return JSONResponse({"detail": "Not Found"}, status_code=404)
        if isinstance(self.voices, bytes):
            return Response(self.voices, media_type="application/json")
        return JSONResponse(self.voices)

    async def speak(self, request: Request) -> Response:
        self.speeches.append(await request.json())
        refused = self._seen(request)
        if refused:
            return refused
        if self.voice_fails:
            return JSONResponse({"error": {"message": "no voice today"}}, status_code=400)
        # 300 ms of a ramp, in odd-sized pieces as networks like to cut them.
        pcm = b"".join((n % 1000).to_bytes(2, "little") for n in range(7200))
        pieces = [pcm[start : start + 777] for start in range(0, len(pcm), 777)]
        return StreamingResponse(_pieces(pieces), media_type="audio/pcm")


async def _pieces(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def _read(upload: UploadFile | Any) -> Any:
    with wave.open(BytesIO(await upload.read())) as file:
        return {"rate": file.getframerate(), "frames": file.getnframes()}
