"""Makes of any conversation one that a model's chat template accepts.

OpenAI's service takes messages in any order. A server of open models renders them by a template
that came with the model, and many templates refuse what a voice session produces: two user turns
in a row after a barge-in, a greeting before the first user turn, a system message later on, tool
calls in parallel. Here all are brought into the order that the strictest of them want:

    system? (user (assistant with one call, its result)* assistant)* user

where a conversation may also end with a result. Which family wants what is in
`tests/providers/llm/judges/templates/`, rule by rule.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from session.ports import SILENCE

Message = dict[str, Any]
"""A chat-completions message."""
MessageForm = Literal["as_written", "alternating", "strictest"]
"""How a conversation is put to a model: as the client wrote it, in the order above, or in that
order and besides without a system role, and without text beside a tool call."""

NO_ANSWER = "…"
"""What the assistant says between the result of a tool and a user who spoke before it did."""
NO_OUTPUT = "(no output)"
"""The result of a tool that returned an empty text."""
_INSTRUCTION = "(Instruction from the application, not said by the user: {})"
"""A system message that stands where only the user's may."""

_ID_LENGTH = 9
_ID = re.compile(rf"[A-Za-z0-9]{{{_ID_LENGTH}}}")
"""Ids of tool calls as Mistral's templates want them."""


def write_messages(
    form: MessageForm, messages: Sequence[Message], instructions: str = ""
) -> list[Message]:
    """Write a conversation as a model is to read it.

    Nothing that anyone said is lost, and its order is kept. Written again in the same form, a
    conversation stays as it is.

    Args:
        form: The order of messages.
        messages: As in `ResponseRequest.messages`: the results of a message's tool calls follow it.
        instructions: What the system message begins with.
    """
    if form == "as_written":
        system = [{"role": "system", "content": instructions}] if instructions else []
        return [*system, *messages] or [{"role": "user", "content": SILENCE}]
    first = next((n for n, one in enumerate(messages) if one["role"] != "system"), len(messages))
    leading = [instructions, *(_text(one["content"]) for one in messages[:first])]
    system_text = "\n\n".join(filter(str.strip, leading))
    conversation = _Conversation(apart=form == "strictest", ids=ShortIds(messages))
    if form == "strictest" and system_text:
        conversation.begin(system_text)
    for message in messages[first:]:
        conversation.add(message)
    written = conversation.end()
    if form == "alternating" and system_text:
        written.insert(0, {"role": "system", "content": system_text})
    return written


class _Conversation:
    """Messages in the order above, one added at a time."""

    def __init__(self, apart: bool, ids: ShortIds) -> None:
        self._apart = apart
        """Whether a tool call and text are messages apart."""
        self._ids = ids
        self._written: list[Message] = []
        self._preface = ""
        self._calls: dict[str, Message] = {}

    def begin(self, preface: str) -> None:
        """Let the first user message begin with a text."""
        self._preface = preface

    def add(self, message: Message) -> None:
        """Add a message."""
        match message["role"]:
            case "user":
                self._user(_parts(message["content"]))
            case "system":
                if (text := _text(message["content"])).strip():
                    self._user(_parts(_INSTRUCTION.format(text)))
            case "assistant":
                if (text := _text(message.get("content"))).strip():
                    self._assistant(text)
                self._calls = {call["id"]: call for call in message.get("tool_calls") or ()}
            case "tool":
                self._result(message)

    def end(self) -> list[Message]:
        """Return the conversation, in which now the assistant is to speak."""
        if self._last not in ("user", "tool"):
            self._user_is_silent()
        return self._written

    @property
    def _last(self) -> str | None:
        return self._written[-1]["role"] if self._written else None

    def _user(self, parts: list[Message]) -> None:
        if not parts:
            return
        if self._last == "tool":
            self._written.append({"role": "assistant", "content": NO_ANSWER})
        if self._last == "user":
            parts = _parts(self._written.pop()["content"]) + parts
        content = _content(parts)
        if self._preface:
            content = _after(self._preface, content)
            self._preface = ""
        self._written.append({"role": "user", "content": content})

    def _user_is_silent(self) -> None:
        self._user(_parts(SILENCE))

    def _assistant(self, text: str) -> None:
        if self._last == "assistant":
            text = f"{self._written.pop()['content']}\n{text}"
        elif self._last is None:
            self._user_is_silent()
        self._written.append({"role": "assistant", "content": text})

    def _result(self, message: Message) -> None:
        """Add a result, behind its call."""
        call = self._calls[message["tool_call_id"]]
        if self._last is None or (self._apart and self._last == "assistant"):
            self._user_is_silent()
        text = self._written.pop()["content"] if self._last == "assistant" else None
        call_id = self._ids.next(call["id"])
        output = _text(message["content"])
        self._written += [
            {"role": "assistant", "content": text, "tool_calls": [{**call, "id": call_id}]},
            {
                "role": "tool",
                "tool_call_id": call_id,
                "content": output if output.strip() else NO_OUTPUT,
            },
        ]


def _parts(content: str | Iterable[Message] | None) -> list[Message]:
    """Return content as parts, without empty ones."""
    if content is None or isinstance(content, str):
        content = [{"type": "text", "text": content or ""}]
    return [part for part in content if part["type"] != "text" or part["text"].strip()]


def _content(parts: Iterable[Message]) -> str | list[Message]:
    """Return parts as content: a text, or a list if there are images.

    Templates put parts together without a sign between them, so neighbouring texts become one.
    """
    joined: list[Message] = []
    for part in parts:
        if joined and part["type"] == joined[-1]["type"] == "text":
            part = {"type": "text", "text": f"{joined.pop()['text']}\n{part['text']}"}
        joined.append(part)
    if len(joined) == 1 and joined[0]["type"] == "text":
        text: str = joined[0]["text"]
        return text
    return joined


def _after(preface: str, content: str | list[Message]) -> str | list[Message]:
    if isinstance(content, str):
        return f"{preface}\n\n{content}"
    return _content([{"type": "text", "text": f"{preface}\n"}, *content])


def _text(content: str | Iterable[Message] | None) -> str:
    return "\n".join(part["text"] for part in _parts(content) if part["type"] == "text")


class ShortIds:
    """Gives each tool call an id of nine letters and digits, by which none of them is mistaken.

    An id depends on those before it alone, so that a server finds what it read before in its cache.
    """

    def __init__(self, messages: Iterable[Message]) -> None:
        """Note the ids in a conversation that are such ids already: they stay."""
        found = (call["id"] for one in messages for call in one.get("tool_calls") or ())
        self._own = set(filter(_ID.fullmatch, found))
        self._given: set[str] = set()

    def next(self, own: str) -> str:
        """Return the id for the next call, whose own is `own`."""
        if own in self._own - self._given:
            short = own
        else:
            digests = (_digest(f"{number} {own}") for number in itertools.count())
            short = next(one for one in digests if one not in self._given | self._own)
        self._given.add(short)
        return short


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_ID_LENGTH]
