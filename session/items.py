"""Items of a conversation: messages, function calls and their results (§A.5, §B).

`Item` is the union of all kinds. What every kind offers is in `session/item_base.py`, those about
MCP tools are in `session/mcp_items.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from session.content import (
    AssistantAudio,
    Audio,
    InputImage,
    InputText,
    OutputText,
    UserAudio,
)
from session.item_base import BaseItem
from session.mcp_items import McpApprovalRequest, McpCall, McpItem
from wire.item_fields import Phase

Status = Literal["in_progress", "completed", "incomplete"]


@dataclass(slots=True, eq=False)
class _Message(BaseItem):
    """What messages have in common."""

    role: ClassVar[Literal["system", "user", "assistant"]]
    content: Sequence[InputText | InputImage | OutputText | UserAudio | AssistantAudio]
    status: Status = "completed"

    @property
    def text(self) -> str:
        """What the model reads: text, transcript, or the words that the user heard."""
        if len(self.content) == 1:
            # The usual case, kept fast: every response reads the whole conversation.
            return self.content[0].text
        return "\n".join([part.text for part in self.content if part.text])

    def wire(self, *, with_audio: bool = False) -> dict[str, Any]:
        """Return the message in wire form, with its audio (as bytes) on request."""
        return {
            "id": self.id,
            "type": "message",
            "status": self.status,
            "role": self.role,
            "content": [
                part.wire_with_audio() if with_audio and isinstance(part, Audio) else part.wire()
                for part in self.content
            ],
        }


@dataclass(slots=True, eq=False)
class SystemMessage(_Message):
    """Instructions within a conversation."""

    role = "system"
    content: list[InputText]


@dataclass(slots=True, eq=False)
class UserMessage(_Message):
    """What the user said, wrote or showed; its list of parts never changes."""

    role = "user"
    content: Sequence[InputText | InputImage | UserAudio]
    audio: UserAudio | None = field(init=False)
    """The one part that is audio."""

    def __post_init__(self) -> None:
        """Find the audio."""
        self.audio = next((part for part in self.content if isinstance(part, UserAudio)), None)

    @property
    def audio_index(self) -> int:
        """Index of the audio among the parts; 0 without audio."""
        return next((at for at, part in enumerate(self.content) if part is self.audio), 0)

    @property
    def images(self) -> list[InputImage]:
        """The parts that are images."""
        return [part for part in self.content if isinstance(part, InputImage)]

    @property
    def untranscribed(self) -> UserAudio | None:
        """The audio, while its transcript is pending."""
        audio = self.audio
        return audio if audio is not None and audio.state == "pending" else None


@dataclass(slots=True, eq=False)
class AssistantMessage(_Message):
    """What the assistant says or writes; its content is empty when it begins."""

    role = "assistant"
    content: list[OutputText | AssistantAudio]
    phase: Phase | None = None
    """As the client that created it gave it; None: it gave none, or the model made the message."""

    @property
    def audio(self) -> AssistantAudio | None:
        """The part that is spoken."""
        for part in self.content:
            if isinstance(part, AssistantAudio):
                return part
        return None

    def wire(self, *, with_audio: bool = False) -> dict[str, Any]:
        """Return the message in wire form, with its audio (as bytes) on request."""
        # Not `super()`: a dataclass with slots is another class than the one that was written.
        written = _Message.wire(self, with_audio=with_audio)
        return written if self.phase is None else {**written, "phase": self.phase}


@dataclass(slots=True, eq=False)
class FunctionCall(BaseItem):
    """A call of one of the client's tools by the model."""

    call_id: str
    name: str
    arguments: str = ""
    """JSON; incomplete while the model writes it."""
    status: Status = "completed"

    @property
    def text(self) -> str:
        """The arguments, for counting tokens."""
        return self.arguments

    def wire(self, *, with_audio: bool = False) -> dict[str, Any]:
        """Return the call in wire form."""
        return {
            "id": self.id,
            "type": "function_call",
            "status": self.status,
            "name": self.name,
            "call_id": self.call_id,
            "arguments": self.arguments,
        }


@dataclass(slots=True, eq=False)
class FunctionCallOutput(BaseItem):
    """The result of a function call, from the client."""

    call_id: str
    output: str

    @property
    def text(self) -> str:
        """The result, as the model reads it."""
        return self.output

    def wire(self, *, with_audio: bool = False) -> dict[str, Any]:
        """Return the result in wire form, which has no status (§B)."""
        return {
            "id": self.id,
            "type": "function_call_output",
            "call_id": self.call_id,
            "output": self.output,
        }


OutputItem = AssistantMessage | FunctionCall | McpCall | McpApprovalRequest
"""An item that a response can make."""
Item = SystemMessage | UserMessage | AssistantMessage | FunctionCall | FunctionCallOutput | McpItem
