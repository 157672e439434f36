"""The items that a client may write, and the content parts in them (§A.5).

`conversation.item.create` carries one, the `input` of a `response.create` several. Like all records
of what clients send, they refuse whatever they do not know.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PrivateAttr

from wire.session_fields import Id
from wire.strict_models import Variant


class _Part(Variant):
    """A content part of a message, whatever its role."""


class TextPartFields(_Part):
    """A text part of a user or system message."""

    type: Literal["input_text"]
    text: str


class AudioPartFields(_Part):
    """An audio part of a user message; of a past one, perhaps with nothing but its transcript."""

    type: Literal["input_audio"]
    audio: str | None = None
    transcript: str | None = None
    _content: bytes | None = PrivateAttr(None)

    @classmethod
    def of(cls, audio: bytes, transcript: str | None = None) -> AudioPartFields:
        """Make a part from audio that did not arrive as base64."""
        part = cls(type="input_audio", audio="", transcript=transcript)
        part.hold(audio)
        return part

    @property
    def content(self) -> bytes:
        """The audio, in the session's input format.

        Raises:
            ValueError: It is still base64, which the session does not read.
        """
        if self._content is None:
            raise ValueError("This audio was never decoded: make the part by AudioPartFields.of.")
        return self._content

    def hold(self, content: bytes) -> None:
        """Keep the decoded audio and drop its base64."""
        self._content = content
        self.audio = ""


class ImagePartFields(_Part):
    """An image part of a user message: a data URI."""

    type: Literal["input_image"]
    image_url: str
    detail: Literal["auto", "low", "high"] | None = None


_UserContent = Annotated[
    TextPartFields | AudioPartFields | ImagePartFields, Field(discriminator="type")
]


class _OutputText(_Part):
    type: Literal["output_text", "output_audio"]
    text: str


class _Entry(Variant):
    """What may stand where an item does."""

    # Those of the MCP items that only a server makes (§B.13).
    others = frozenset(("error", "server_label", "tools"))


class _Item(_Entry):
    id: Id | None = None
    object: Literal["realtime.item"] | None = None
    status: Literal["completed", "incomplete", "in_progress"] | None = None


Phase = Literal["commentary", "final_answer"]


class SystemMessageFields(_Item):
    """A system message item."""

    type: Literal["message"]
    role: Literal["system"]
    content: list[TextPartFields]


class UserMessageFields(_Item):
    """A user message item."""

    type: Literal["message"]
    role: Literal["user"]
    content: list[_UserContent]


class AssistantMessageFields(_Item):
    """An assistant message item; it cannot carry audio (§A.5)."""

    type: Literal["message"]
    role: Literal["assistant"]
    content: list[_OutputText]
    phase: Phase | None = None
    """Whether it was said on the way or is the answer; no model of this server's is told."""


class FunctionCallFields(_Item):
    """A function call item."""

    type: Literal["function_call"]
    name: str
    arguments: str
    call_id: Id | None = None


class FunctionCallOutputFields(_Item):
    """The result of a function call."""

    type: Literal["function_call_output"]
    call_id: Id
    output: str


class McpApprovalFields(_Entry):
    """The answer to a request for the approval of an MCP call (§B.13)."""

    type: Literal["mcp_approval_response"]
    id: Id | None = None
    object: Literal["realtime.item"] | None = None
    approval_request_id: str
    approve: bool
    reason: str | None = None


class ItemReference(_Entry):
    """A pointer to an item of the conversation, for `response.input` only."""

    type: Literal["item_reference"]
    id: str


Message = Annotated[
    SystemMessageFields | UserMessageFields | AssistantMessageFields, Field(discriminator="role")
]
ItemInput = Annotated[
    Message | FunctionCallFields | FunctionCallOutputFields | McpApprovalFields,
    Field(discriminator="type"),
]
"""What a `conversation.item.create` carries."""
ResponseInput = Annotated[
    Message | FunctionCallFields | FunctionCallOutputFields | ItemReference,
    Field(discriminator="type"),
]
