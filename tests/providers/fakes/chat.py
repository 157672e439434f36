"""OpenAI's chat completions, as many servers speak them, and Ollama's own API beside them."""

from __future__ import annotations

import base64
import json
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from tests.providers.fakes.model_server import Asked, ModelServer, event

HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake"}


class FakeChat(ModelServer):
    """`POST /v1/chat/completions`, streamed."""

    usage: dict[str, Any] | None = None

    def routes(self) -> None:
        self.app.post("/v1/chat/completions")(self.converse)

    def error(self, status: int) -> dict[str, Any]:
        return {"error": {"message": "the fake refuses", "type": "x", "code": "x", "param": None}}

    def told(self, asked: dict[str, Any]) -> Asked:
        parts = [
            (message["role"], part)
            for message in asked["messages"]
            for part in _parts(message.get("content"))
        ]
        texts = [(role, part["text"]) for role, part in parts if part["type"] == "text"]
        urls = [part["image_url"]["url"] for _, part in parts if part["type"] == "image_url"]
        wanted = ("tool_choice", "parallel_tool_calls")
        return Asked(
            system="\n\n".join(text for role, text in texts if role == "system"),
            messages=[(role, text) for role, text in texts if role not in ("system", "tool")],
            limit=asked.get("max_tokens"),
            tools=[tool["function"]["name"] for tool in asked.get("tools", [])],
            choice={name: asked[name] for name in wanted if name in asked},
            images=[base64.b64decode(url.partition(",")[2]) for url in urls],
            results=[text for role, text in texts if role == "tool"],
        )

    def begin(self) -> list[str]:
        head = [self.chunk(delta={"role": "assistant", "content": ""})]
        return head + [self.chunk(delta={"content": word}) for word in self.answer.words[:1]]

    def rest(self) -> list[str]:
        events = [self.chunk(delta={"content": word}) for word in self.answer.words[1:]]
        for index, (name, arguments) in enumerate(self.answer.calls):
            function = {"name": name, "arguments": json.dumps(arguments)}
            call = {"index": index, "id": f"call-{index}", "function": function}
            events.append(self.chunk(delta={"tool_calls": [call]}))
        events.append(self.chunk(finish_reason=self.answer.finish or "stop"))
        if self.usage is not None:
            events.append(event({**HEAD, "choices": [], "usage": self.usage}))
        return [*events, "data: [DONE]\n\n"]

    def report(self) -> str:
        return event({"error": {"message": "the fake is overloaded", "code": 503}})

    def chunk(self, **choice: Any) -> str:
        """Return a chunk with one choice."""
        choices = [{"index": 0, "finish_reason": None, "delta": {}, **choice}]
        return event({**HEAD, "choices": choices})


def _parts(content: str | list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []


class ScriptedChat(FakeChat):
    """Sends exactly the events it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []

    def begin(self) -> list[str]:
        return self.events

    def rest(self) -> list[str]:
        return []


class FakeOllama(FakeChat):
    """Ollama: which models it has, and loading one."""

    def __init__(self) -> None:
        super().__init__()
        self.models = ["llama3.2:latest"]
        self.loaded: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        """Those of its own API."""

    def routes(self) -> None:
        super().routes()
        self.app.get("/api/tags")(self._tags)
        self.app.post("/api/generate")(self._generate)

    def error(self, status: int) -> dict[str, Any]:
        message = 'model "llama3.2" not found, try pulling it first' if status == 404 else "refused"
        return {"error": {"message": message, "type": "api_error", "code": None, "param": None}}

    async def _tags(self, request: Request) -> dict[str, Any]:
        self.headers.append(dict(request.headers))
        return {"models": [{"name": name, "model": name} for name in self.models]}

    async def _generate(self, request: Request) -> JSONResponse:
        self.loaded.append(await request.json())
        self.headers.append(dict(request.headers))
        if self.fault is not None:
            error = {"error": "model requires more system memory (8 GiB) than is available"}
            return JSONResponse(error, status_code=500)
        return JSONResponse({"model": "llama3.2", "response": "", "done": True})
