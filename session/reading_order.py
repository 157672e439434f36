"""What of a conversation the model reads, and in which order (§B.7).

Models want the result of a tool call right behind the call, and take what stands last for what is
to be answered. Clients may bring a result at any time (§A.5), twice, or never.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from session.content import InputImage
from session.items import (
    AssistantMessage,
    FunctionCall,
    FunctionCallOutput,
    Item,
    SystemMessage,
    UserMessage,
)
from session.mcp_items import McpApprovalRequest, McpApprovalResponse, McpCall, McpToolList
from session.ports import PENDING, UNAPPROVED
from wire.strict_json import in_whole_characters, json_object

_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
"""Ids that every model service takes."""


@dataclass(frozen=True, slots=True)
class ToolExchange:
    """A tool call with a result of it, as the model reads them: never one without the other."""

    call_id: str
    """Letters, digits, `_` and `-`; no two exchanges share one."""
    name: str
    arguments: str
    """A JSON object."""
    output: str

    @property
    def text(self) -> str:
        """Both sides, for counting tokens."""
        return self.arguments + self.output

    @property
    def audio(self) -> None:
        """None: only messages have audio."""
        return None

    @property
    def images(self) -> list[InputImage]:
        """None: only messages have images."""
        return []


Readable = SystemMessage | UserMessage | AssistantMessage | ToolExchange
"""What a model reads."""


def reading_order(items: Iterable[Item]) -> list[Readable]:
    """Return what the model reads of a conversation.

    * A tool call stands where its result arrived, so that a late result is the newest message. A
      further result of the same call stands where it arrived, behind the same call.
    * A complete call without a result stands where it was made, with the stand-in `PENDING`: a
      model that does not see its call makes it again.
    * A call of an MCP tool stands where it was made, or behind what has come between it and its
      result. One that waits for approval has the stand-in `UNAPPROVED`, until it is made or refused
      (§B.13).
    * Left out: calls that the model still writes or was kept from finishing, unless the client
      answers them, and results whose call was deleted.

    Args:
        items: The conversation, oldest first.
    """
    items = _late_results_behind(list(items))
    calls = _calls(items)
    answered = set(calls.values())
    ids = _CallIds()
    order: list[Readable] = []
    for item in items:
        match item:
            case FunctionCall():
                if item not in answered and item.status == "completed":
                    order.append(_exchange(item, PENDING, ids))
            case FunctionCallOutput():
                call = calls.get(item)
                if call is not None:
                    order.append(_exchange(call, item.output, ids))
            case McpCall():
                order.append(
                    _server_exchange(item, PENDING if item.output is None else item.output, ids)
                )
            case McpApprovalRequest():
                if not item.answered:
                    order.append(_server_exchange(item, UNAPPROVED, ids))
            case McpToolList() | McpApprovalResponse():
                pass
            case _:
                order.append(item)
    return order


def _late_results_behind(items: list[Item]) -> list[Item]:
    """Return items with calls of MCP tools behind what came before their results."""
    there = {item.id for item in items}
    late: dict[str, list[Item]] = {}
    """Id of an item → the calls that are read behind its place."""
    moved: set[str] = set()
    for item in items:
        if isinstance(item, McpCall):
            before = next((one for one in reversed(item.ended_behind) if one in there), None)
            if before is not None:
                late.setdefault(before, []).append(item)
                moved.add(item.id)
    order: list[Item] = []
    for item in items:
        if item.id not in moved:
            order.append(item)
        order += late.get(item.id, [])
    return order


def _calls(items: list[Item]) -> dict[FunctionCallOutput, FunctionCall]:
    """Return the call of each result: the latest before it that has its id, else the first."""
    latest = {item.call_id: item for item in reversed(items) if isinstance(item, FunctionCall)}
    calls: dict[FunctionCallOutput, FunctionCall] = {}
    for item in items:
        if isinstance(item, FunctionCall):
            latest[item.call_id] = item
        elif isinstance(item, FunctionCallOutput) and item.call_id in latest:
            calls[item] = latest[item.call_id]
    return calls


def _exchange(call: FunctionCall, output: str, ids: _CallIds) -> ToolExchange:
    # A call that was cut off has half an object; its client may have answered it all the same.
    arguments = json_object(in_whole_characters(call.arguments))
    return ToolExchange(ids.of(call.call_id), call.name, arguments, in_whole_characters(output))


def _server_exchange(
    call: McpCall | McpApprovalRequest, output: str, ids: _CallIds
) -> ToolExchange:
    """Return a call of an MCP tool as the model reads it: under the name by which it called it."""
    arguments = json_object(in_whole_characters(call.arguments))
    return ToolExchange(ids.of(call.id), call.called, arguments, in_whole_characters(output))


class _CallIds:
    """Makes of the clients' call ids ids that a model service takes."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def of(self, call_id: str) -> str:
        """Return an unused id for an exchange: the client's own, if that will do."""
        plain, again = call_id, 1
        while plain in self._used or not _PLAIN_ID.fullmatch(plain):
            plain = f"call_{hashlib.sha256(f'{again} {call_id}'.encode()).hexdigest()[:16]}"
            again += 1
        self._used.add(plain)
        return plain
