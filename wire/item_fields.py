"""The items that a client may write, and the content parts in them (§A.5).

`conversation.item.create` carries one, the `input` of a `response.create` several. Like all records
of what clients send, they refuse whatever they do not know.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PrivateAttr

from wire.session_fields import Id, StrictModel


class InputText(StrictModel):
    """A text part of a user or system message."""

    type: Literal["input_text"]
    text: str


class InputAudio(StrictModel):
    """An audio part of a user message."""

    type: Literal["input_audio"]
    audio: str
    transcript: str | None = None
    _content: bytes = PrivateAttr(b"")

    @classmethod
    def of(cls, audio: bytes, transcript: str | None = None) -> InputAudio:
        """Make a part of audio that was never base64."""
        part = cls(type="input_audio", audio="", transcript=transcript)
        part.hold(audio)
        return part

    @property
    def content(self) -> bytes:
        """The audio, in the session's input format."""
        return self._content

    def hold(self, content: bytes) -> None:
        """Keep the audio, and its base64 no more."""
        self._content = content
        self.audio = ""


class InputImage(StrictModel):
    """An image part of a user message: a data URI."""

    type: Literal["input_image"]
    image_url: str
    detail: Literal["auto", "low", "high"] | None = None


_UserContent = Annotated[InputText | InputAudio | InputImage, Field(discriminator="type")]


class _OutputText(StrictModel):
    type: Literal["output_text", "output_audio"]
    text: str


class _Item(StrictModel):
    id: Id | None = None
    object: Literal["realtime.item"] | None = None
    status: Literal["completed", "incomplete", "in_progress"] | None = None


class SystemMessage(_Item):
    """A system message item."""

    type: Literal["message"]
    role: Literal["system"]
    content: list[InputText]


class UserMessage(_Item):
    """A user message item."""

    type: Literal["message"]
    role: Literal["user"]
    content: list[_UserContent]


class AssistantMessage(_Item):
    """An assistant message item; it cannot carry audio (§A.5)."""

    type: Literal["message"]
    role: Literal["assistant"]
    content: list[_OutputText]


class FunctionCall(_Item):
    """A function call item."""

    type: Literal["function_call"]
    name: str
    arguments: str
    call_id: Id | None = None


class FunctionCallOutput(_Item):
    """The result of a function call."""

    type: Literal["function_call_output"]
    call_id: Id
    output: str


class ItemReference(StrictModel):
    """A pointer to an item of the conversation, for `response.input` only."""

    type: Literal["item_reference"]
    id: str


Message = Annotated[SystemMessage | UserMessage | AssistantMessage, Field(discriminator="role")]
ItemInput = Annotated[Message | FunctionCall | FunctionCallOutput, Field(discriminator="type")]
ResponseInput = Annotated[
    Message | FunctionCall | FunctionCallOutput | ItemReference, Field(discriminator="type")
]
