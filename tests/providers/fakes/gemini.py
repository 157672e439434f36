"""Google's Gemini API, streamed: https://ai.google.dev/api/generate-content."""

from __future__ import annotations

import base64
import re
from typing import Any

from tests.providers.fakes.model_server import Asked, ModelServer, event

KINDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
}


class FakeGemini(ModelServer):
    """`POST /v1beta/models/NAME:streamGenerateContent`."""

    def __init__(self) -> None:
        super().__init__()
        self.models: list[str] = []
        self.blocked = False

    def forget(self) -> None:
        super().forget()
        self.blocked = False

    def routes(self) -> None:
        self.app.post("/v1beta/models/{name}:streamGenerateContent")(self.converse)

    def read(self, body: dict[str, Any]) -> dict[str, Any]:
        camel: dict[str, Any] = _camel(body)
        return camel

    def error(self, status: int) -> dict[str, Any]:
        refusal = {"code": status, "message": "the fake refuses", "status": KINDS[status]}
        return {"error": refusal}

    def told(self, asked: dict[str, Any]) -> Asked:
        parts = [
            (content["role"], part) for content in asked["contents"] for part in content["parts"]
        ]
        system = asked.get("systemInstruction", {}).get("parts", [])
        declared = [group["functionDeclarations"] for group in asked.get("tools", [])]
        return Asked(
            system="".join(part["text"] for part in system),
            messages=[(role, part["text"]) for role, part in parts if "text" in part],
            limit=asked.get("generationConfig", {}).get("maxOutputTokens"),
            tools=[tool["name"] for group in declared for tool in group],
            choice=asked.get("toolConfig", {}).get("functionCallingConfig"),
            images=[
                base64.urlsafe_b64decode(part["inlineData"]["data"] + "==")
                for _, part in parts
                if "inlineData" in part
            ],
            results=[
                part["functionResponse"]["response"]["value"]
                for _, part in parts
                if "functionResponse" in part
            ],
        )

    def begin(self) -> list[str]:
        if self.blocked:
            return [event({"promptFeedback": {"blockReason": "SAFETY"}})]
        so_far = {"promptTokenCount": 11, "thoughtsTokenCount": 2, "totalTokenCount": 13}
        return [_chunk([{"text": word}], usage=so_far) for word in self.answer.words[:1]]

    def rest(self) -> list[str]:
        if self.blocked:
            return []
        events = [_chunk([{"text": word}]) for word in self.answer.words[1:]]
        events += [
            _chunk([{"functionCall": {"name": name, "args": arguments}}])
            for name, arguments in self.answer.calls
        ]
        usage = {
            "promptTokenCount": 11,
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": 2,
            "cachedContentTokenCount": 4,
            "totalTokenCount": 18,
        }
        events.append(_chunk([], self.answer.finish or "STOP", usage))
        return events

    def report(self) -> str:
        refusal = {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}
        return event({"error": refusal})


def _camel(value: Any) -> Any:
    """Google reads both spellings of names, and its SDK uses both."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        re.sub(r"_([a-z])", lambda found: found[1].upper(), name): _camel(item)
        for name, item in value.items()
    }


def _chunk(
    parts: list[dict[str, Any]], finish: str | None = None, usage: dict[str, Any] | None = None
) -> str:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    chunk: dict[str, Any] = {"candidates": [candidate], "modelVersion": "gemini-x"}
    return event({**chunk, "usageMetadata": usage} if usage else chunk)
