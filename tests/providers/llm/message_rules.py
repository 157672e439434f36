"""What services of language models refuse in the messages that they are sent, as pure functions.

From the vendors' documentation and their error messages:
https://platform.openai.com/docs/api-reference/chat/create,
https://platform.claude.com/docs/en/api/messages, https://ai.google.dev/api/caching#Content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

Body = dict[str, Any]

_CHAT_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_CLAUDE_ID = re.compile(r"[a-zA-Z0-9_-]+")
_GEMINI_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
_IMAGES = {"image/jpeg", "image/png", "image/gif", "image/webp"}


def chat_faults(body: Body) -> list[str]:
    """Return what OpenAI's chat completions, and servers of that API, refuse in a request."""
    return [*_chat_faults(body["messages"])]


def _chat_faults(messages: Sequence[Body]) -> Iterator[str]:
    if not messages:
        yield "there are no messages"
    owed: list[str] = []
    for message in messages:
        role, content, calls = message["role"], message.get("content"), message.get("tool_calls")
        if role == "tool":
            if message["tool_call_id"] not in owed:
                yield "a result answers no call of the message before it"
            else:
                owed.remove(message["tool_call_id"])
        elif owed:
            yield "a call is not answered by the messages behind it"
            owed = []
        if role not in ("system", "user", "assistant", "tool"):
            yield f"the role {role} is unknown"
        if content is None and not calls:
            yield "content is missing"
        elif not isinstance(content, str | None) and not content:
            yield "content has no parts"
        if isinstance(content, list):
            kinds = {part["type"] for part in content}
            if not kinds <= ({"text", "image_url"} if role == "user" else {"text"}):
                yield f"a {role} has parts of another kind"
        if calls is not None:
            if role != "assistant" or not calls:
                yield "there are no calls, or they are not the assistant's"
            yield from _call_faults(calls)
            owed = [call["id"] for call in calls]
    if owed:
        yield "a call is not answered"


def _call_faults(calls: Sequence[Body]) -> Iterator[str]:
    if len({call["id"] for call in calls}) < len(calls):
        yield "two calls have one id"
    for call in calls:
        if call["type"] != "function" or not 0 < len(call["id"]) <= 40:
            yield "a call is of another type, or its id of another length"
        if not _CHAT_NAME.fullmatch(call["function"]["name"]):
            yield "the name of a function has other characters"
        # OpenAI takes any text; servers that show a template the arguments take an object.
        if not isinstance(_read(call["function"]["arguments"]), dict):
            yield "arguments are no object"


def anthropic_faults(body: Body) -> list[str]:
    """Return what Anthropic's Messages API refuses in a request."""
    return [*_anthropic_faults(body)]


def _anthropic_faults(body: Body) -> Iterator[str]:
    messages = body["messages"]
    if "system" in body and not "".join(_texts(body["system"])).strip():
        yield "system has no text"
    if not messages or messages[0]["role"] != "user":
        yield "the user is not the first"
    elif messages[-1]["role"] != "user":
        yield "the user is not the last"
    used: set[str] = set()
    owed: set[str] = set()
    for number, message in enumerate(messages):
        role, blocks = message["role"], _blocks(message["content"])
        if role not in ("user", "assistant"):
            yield f"the role {role} is unknown"
        if number and messages[number - 1]["role"] == role:
            yield "the roles do not alternate"
        if not blocks:
            yield "content is empty"
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if set(results) != owed or len(results) != len(owed):
            yield "the results are not those of the calls in the message before"
        if any(block["type"] != "tool_result" for block in blocks[: len(results)]):
            yield "something stands before a result"
        owed = set()
        for block in blocks:
            match block["type"]:
                case "text":
                    if not block["text"].strip():
                        yield "a text is blank"
                case "image":
                    source = block["source"]
                    if role != "user" or source.get("media_type", "image/png") not in _IMAGES:
                        yield "an image is not the user's, or of another type"
                case "tool_use":
                    if role != "assistant" or not isinstance(block["input"], dict):
                        yield "a call is not the assistant's, or its input no object"
                    if not _CLAUDE_ID.fullmatch(block["id"]) or block["id"] in used:
                        yield "an id has other characters, or was used before"
                    if not _CHAT_NAME.fullmatch(block["name"]):
                        yield "the name of a function has other characters"
                    used.add(block["id"])
                    owed.add(block["id"])
                case "tool_result":
                    if role != "user":
                        yield "a result is not the user's"
                case kind:
                    yield f"a block is of the type {kind}"
    if owed:
        yield "a call is not answered"


def gemini_faults(body: Body) -> list[str]:
    """Return what the Gemini API refuses in a request, whose names are in camel case."""
    return [*_gemini_faults(body)]


def _gemini_faults(body: Body) -> Iterator[str]:
    contents = body["contents"]
    system = body.get("systemInstruction")
    if system is not None and not "".join(part["text"] for part in system["parts"]).strip():
        yield "the system instruction has no text"
    if not contents or contents[0]["role"] != "user":
        yield "the user is not the first"
    elif contents[-1]["role"] != "user":
        yield "the user is not the last"
    owed: list[tuple[str | None, str]] = []
    for number, content in enumerate(contents):
        role, parts = content["role"], content["parts"]
        if role not in ("user", "model"):
            yield f"the role {role} is unknown"
        if role == "model" and number and contents[number - 1]["role"] == "model":
            yield "two turns of the model follow each other"
        if not parts or any(not part for part in parts):
            yield "a turn or a part is empty"
        if any("text" in part and not part["text"].strip() for part in parts):
            yield "a text is blank"
        results = [part["functionResponse"] for part in parts if "functionResponse" in part]
        if [(result.get("id"), result["name"]) for result in results] != owed:
            yield "the results are not those of the calls in the turn before"
        if results and (role != "user" or len(results) < len(parts)):
            yield "a turn has results and something else"
        if any(not isinstance(result["response"], dict) for result in results):
            yield "a result is no object"
        calls = [part["functionCall"] for part in parts if "functionCall" in part]
        if calls and role != "model":
            yield "a call is not the model's"
        if any(not _GEMINI_NAME.fullmatch(call["name"]) for call in calls):
            yield "the name of a function has other characters"
        if any(not isinstance(call.get("args", {}), dict) for call in calls):
            yield "arguments are no object"
        owed = [(call.get("id"), call["name"]) for call in calls]
    if owed:
        yield "a call is not answered"


def _blocks(content: str | list[Body]) -> list[Body]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _texts(content: str | list[Body]) -> Iterator[str]:
    return (block["text"] for block in _blocks(content))


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
