"""Chat templates as judges: what each family of models refuses, and what it shows its model.

`templates/` has the rules of five families, written from their documentation, one comment a rule.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from providers.llm.alternating_messages import MessageForm

Message = dict[str, Any]

TEMPLATES = Path(__file__).parent / "templates"
ALL_FORMS: tuple[MessageForm, ...] = ("alternating", "strictest")
STRICTEST: tuple[MessageForm, ...] = ("strictest",)


class Refused(Exception):
    """A template does not take a conversation."""


@dataclass(frozen=True)
class Judge:
    """A template, and what models with it can do."""

    name: str
    forms: tuple[MessageForm, ...] = ALL_FORMS
    """Which it takes."""
    tools: bool = True
    vision: bool = False

    def render(self, messages: Sequence[Message]) -> str:
        """Return what the model reads; raises `Refused`."""
        return render((TEMPLATES / f"{self.name}.jinja").read_text("utf-8"), messages, self.vision)

    def concerns(self, messages: Sequence[Message]) -> bool:
        """Whether such a model would be given such a conversation: with images, or with tools."""
        return (self.vision or not _has_images(messages)) and (
            self.tools or all(one["role"] != "tool" for one in messages)
        )


JUDGES = (
    Judge("gemma2", STRICTEST, tools=False),
    Judge("gemma3", vision=True),
    Judge("mistral_v1", STRICTEST, tools=False),
    Judge("mistral_v3", STRICTEST),
    Judge("mistral_v7", vision=True),
    Judge("llama3"),
    Judge("qwen3", vision=True),
    Judge("phi3", STRICTEST, tools=False),
    Judge("phi4", STRICTEST),
)


def render(template: str, messages: Sequence[Message], vision: bool, **given: Any) -> str:
    """Render a template as `transformers` and vLLM do.

    Args:
        template: Its text.
        messages: A conversation.
        vision: Whether content may be a list.
        given: More variables, such as `tools`.

    Raises:
        Refused: It does not take the conversation.
    """
    prepared = [_prepared(one, vision) for one in messages]
    variables = {"messages": prepared, "add_generation_prompt": True, "bos_token": "", **given}
    try:
        return _compiled(template).render(**variables)
    except (TypeError, ValueError, KeyError) as error:
        raise Refused(f"{type(error).__name__}: {error}") from error


@functools.cache
def _compiled(template: str) -> Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda _format: "today"
    environment.filters["tojson"] = _to_json
    return environment.from_string(template)


def _refuse(reason: str) -> NoReturn:
    raise Refused(reason)


def _to_json(value: Any, indent: int | None = None, ensure_ascii: bool = False) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)


def _prepared(message: Message, vision: bool) -> Message:
    """Return a message as servers hand it to a template."""
    prepared = {**message, "content": _content(message["content"], vision)}
    if "tool_calls" in message:
        prepared["tool_calls"] = [
            {**call, "function": {**call["function"], "arguments": _arguments(call)}}
            for call in message["tool_calls"]
        ]
    return prepared


def _arguments(call: dict[str, Any]) -> Any:
    return json.loads(call["function"]["arguments"])


def _content(content: str | list[Message] | None, vision: bool) -> str | list[Message]:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not vision:
        return "\n".join(part["text"] for part in content if part["type"] == "text")
    return [{"type": "image"} if part["type"] == "image_url" else part for part in content]


def _has_images(messages: Sequence[Message]) -> bool:
    return any(
        part["type"] == "image_url"
        for one in messages
        if isinstance(one["content"], list)
        for part in one["content"]
    )
