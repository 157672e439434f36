"""Anthropic's Messages API, streamed: https://platform.claude.com/docs, "Streaming messages"."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.providers.fakes.model_server import Asked, ModelServer, event

KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
}


class FakeAnthropic(ModelServer):
    """`POST /v1/messages`."""

    def __init__(self) -> None:
        super().__init__()
        self.cached = 0
        self.written = 0

    def forget(self) -> None:
        super().forget()
        self.cached = self.written = 0

    def routes(self) -> None:
        self.app.post("/v1/messages")(self.converse)

    def error(self, status: int) -> dict[str, Any]:
        return {"type": "error", "error": {"type": KINDS[status], "message": "the fake refuses"}}

    def told(self, asked: dict[str, Any]) -> Asked:
        blocks = [
            (message["role"], block)
            for message in asked["messages"]
            for block in _blocks(message["content"])
        ]
        return Asked(
            system="".join(block["text"] for block in _blocks(asked.get("system", []))),
            messages=[(role, block["text"]) for role, block in blocks if block["type"] == "text"],
            limit=asked["max_tokens"],
            tools=[tool["name"] for tool in asked["tools"]],
            choice=asked.get("tool_choice"),
            images=[
                base64.b64decode(block["source"]["data"])
                for _, block in blocks
                if block["type"] == "image"
            ],
            results=[
                "".join(part["text"] for part in _blocks(block["content"]))
                for _, block in blocks
                if block["type"] == "tool_result"
            ],
        )

    def begin(self) -> list[str]:
        usage = {
            "input_tokens": 11,
            "cache_creation_input_tokens": self.written,
            "cache_read_input_tokens": self.cached,
            "output_tokens": 1,
        }
        message: dict[str, Any] = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": "claude-x",
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        events = [_event("message_start", message=message), _event("ping")]
        if self.answer.words:
            events.append(_start(0, {"type": "text", "text": ""}))
            events.append(_delta(0, {"type": "text_delta", "text": self.answer.words[0]}))
        return events

    def rest(self) -> list[str]:
        words, calls = self.answer.words, self.answer.calls
        events = [_delta(0, {"type": "text_delta", "text": word}) for word in words[1:]]
        if words:
            events.append(_event("content_block_stop", index=0))
        for index, (name, arguments) in enumerate(calls, start=1 if words else 0):
            call_id = f"toolu_{'x' * 40}_{index}"
            events.append(
                _start(index, {"type": "tool_use", "id": call_id, "name": name, "input": {}})
            )
            text = json.dumps(arguments) if arguments else ""
            events += [
                _delta(index, {"type": "input_json_delta", "partial_json": piece})
                for piece in ("", text[:5], text[5:])
            ]
            events.append(_event("content_block_stop", index=index))
        reason = self.answer.finish or ("tool_use" if calls else "end_turn")
        delta = {"stop_reason": reason, "stop_sequence": None}
        events.append(_event("message_delta", delta=delta, usage={"output_tokens": 7}))
        return [*events, _event("message_stop")]

    def report(self) -> str:
        return _event("error", error={"type": "overloaded_error", "message": "Overloaded"})


def _blocks(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _event(kind: str, **fields: Any) -> str:
    return event({"type": kind, **fields}, kind)


def _start(index: int, block: dict[str, Any]) -> str:
    return _event("content_block_start", index=index, content_block=block)


def _delta(index: int, delta: dict[str, Any]) -> str:
    return _event("content_block_delta", index=index, delta=delta)
