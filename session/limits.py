"""Limits on what one client may keep in a session, and the errors beyond them (§D.8).

Every error names its setting (`config.LimitsConfig`), so that an operator who reads it knows what
to raise. Limits on pace, message size and sessions: `flow/append_pace.py`,
`serving/process/uvicorn_websocket.py`, `serving/open_sessions.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from config import LimitsConfig
from wire.errors import ProtocolError


def check_prompt(
    limits: LimitsConfig,
    instructions: str | None,
    tools: Sequence[Any] | None,
    path: str,
) -> None:
    """Check the size of the prompt of a session or a response.

    Args:
        limits: The server's limits.
        instructions: The instructions, if the client sets any.
        tools: The tools, if the client sets any.
        path: Where they are in the client's event, for errors.

    Raises:
        ProtocolError: Too many tools, or too long instructions.
    """
    if instructions is not None and len(instructions) > limits.instructions_chars:
        raise ProtocolError(
            "string_above_max_length",
            f"Invalid '{path}.instructions': string too long. Expected a string with maximum "
            f"length {limits.instructions_chars} (limits.instructions_chars), but got a string "
            f"with length {len(instructions)} instead.",
            f"{path}.instructions",
        )
    if tools is not None and len(tools) > limits.tools:
        raise ProtocolError(
            "array_above_max_length",
            f"Invalid '{path}.tools': array too long. Expected an array with maximum length "
            f"{limits.tools} (limits.tools), but got an array with length {len(tools)} instead.",
            f"{path}.tools",
        )


def check_items(limits: LimitsConfig, items: int) -> None:
    """Check that a conversation of `items` items may get one more.

    Raises:
        ProtocolError: The conversation is full.
    """
    if items >= limits.conversation_items:
        raise ProtocolError(
            "conversation_full",
            f"Error adding item: the conversation has {items} items, and may have no more "
            "(limits.conversation_items). Delete some with conversation.item.delete.",
        )


def check_responses(limits: LimitsConfig, running: int) -> None:
    """Check that beside `running` responses one more may be created.

    Raises:
        ProtocolError: Too many are running.
    """
    if running >= limits.responses:
        raise ProtocolError(
            "too_many_responses",
            f"Error creating response: {running} responses are running, and no more may "
            "(limits.responses). Wait for one to finish, or cancel it.",
        )


def check_buffer(limits: LimitsConfig, buffered_ms: float, added_ms: float) -> None:
    """Check that `added_ms` of audio may join the `buffered_ms` that wait for a commit.

    Raises:
        ProtocolError: The buffer would exceed its limit.
    """
    if buffered_ms + added_ms > limits.buffered_audio_s * 1000:
        raise ProtocolError(
            "input_audio_buffer_full",
            f"Error appending audio: the input audio buffer holds {buffered_ms / 1000:.2f} s, and "
            f"{added_ms / 1000:.2f} s more would exceed the {limits.buffered_audio_s:g} s that it "
            "may hold (limits.buffered_audio_s). Commit or clear it.",
            "audio",
        )
