"""The response with which the server goes on by itself after calls of MCP tools (§B.13).

The model has called, the tools have answered, and nobody but the server knows when: so the server
begins the response that tells of it. Clients that know another service ask for it themselves, once
they see the result (§F.1, agents-js). Whatever asks for just this response is taken for it: nobody
hears two answers, and no client waits for one that never comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from session.conversation import Conversation
from session.items import OutputItem
from session.mcp_items import McpCall
from session.response import Response
from session.response_spec import ResponseSpec, build_spec
from session.session_config import SessionConfig
from wire.ids import new_id
from wire.response_fields import ResponseOptions

MOST_IN_A_ROW = 16
"""Responses that the server begins in a row, of which the last may call nothing any more. One that
calls all the same is followed by one more, whose model reads that it may not, and by no other."""


@dataclass(frozen=True, slots=True)
class _Due:
    after: ResponseSpec | None = None
    """The response whose calls have ended; None: they belonged to none."""
    made: Sequence[OutputItem] = ()
    """What that response made."""
    calls: tuple[str, ...] = ()
    """Items of calls that have ended outside their responses, and that no response has read."""


class Following:
    """Which response is due after calls, and which requests of the client's ask for it."""

    def __init__(self, config: SessionConfig, conversation: Conversation) -> None:
        self._config = config
        self._conversation = conversation
        self._due: _Due | None = None
        self._begun: Response | None = None
        """The last one that was begun; None once the client has asked for it."""

    @property
    def due(self) -> bool:
        """Whether results wait to be told."""
        return self._due is not None

    def response_ended(self, response: Response) -> None:
        """Take note of a response in the conversation that has ended."""
        if response.awaits_no_client and response.spec.follows <= MOST_IN_A_ROW:
            self._due = _Due(response.spec, response.output, self._calls)

    def call_ended(self, item_id: str) -> None:
        """Take note of a call that has ended and belonged to no response.

        Of one that the client has deleted there is nothing to tell.
        """
        if self._conversation.get(item_id) is None:
            return
        self._due = _Due(calls=(*self._calls, item_id))

    @property
    def _calls(self) -> tuple[str, ...]:
        return () if self._due is None else self._due.calls

    def was_read(self) -> None:
        """Take note that a response reads all results there are: it tells of them."""
        self._due = None

    def take(self) -> ResponseSpec:
        """Return the parameters of the response that is due, which is due no more.

        They are those of the response that it follows, or else the session's. The model reads the
        results last. It may be silent about the tools: a call that was asked for has been made.

        One that reads an input of its own knows nothing of what stands in the conversation alone:
        results that are there are told by another one, behind it.
        """
        due = self._due or _Due()
        reads_all = due.after is None or due.after.input is None
        self._due = None if reads_all or not due.calls else _Due(calls=due.calls)
        for item_id in due.calls if reads_all else ():
            # What was said since did not know of the result: it is the newest there is.
            call = self._conversation.get(item_id)
            if isinstance(call, McpCall):
                call.ended_behind = self._conversation.behind(item_id)
        if due.after is None:
            spec = build_spec(ResponseOptions(), self._config, self._conversation)
            return replace(spec, tool_choice=_freely(spec))
        spec = due.after
        choice = "none" if spec.follows + 1 >= MOST_IN_A_ROW else _freely(spec)
        by_bound = spec.tool_choice != "none" and choice == "none"
        # A model that has called although it may call nothing is told so, and once.
        follows = MOST_IN_A_ROW + 1 if spec.tool_choice == "none" else spec.follows + 1
        return replace(
            spec,
            id=new_id("resp"),
            tool_choice=choice,
            input=None if spec.input is None else [*spec.input, *due.made],
            metadata=None,
            answers=(),
            follows=follows,
            chain_ends=spec.chain_ends or by_bound,
        )

    def begun(self, response: Response) -> None:
        """Take note of the response that was begun."""
        self._begun = response

    def asked(self, options: ResponseOptions, active: Response | None) -> Response | None:
        """Return the response that a client asks for which was begun for it already.

        Args:
            options: What the client asks for.
            active: The response in progress.

        Returns:
            None: the client asks for another one. What is returned may be over: then nothing has
            come since of which there could be more to say.
        """
        begun = self._begun
        if begun is None or not _is_plain(options):
            return None
        if active is not begun and not (active is None and self._is_told(begun)):
            return None
        self._begun = None
        return begun

    def _is_told(self, begun: Response) -> bool:
        last = next(reversed(self._conversation), None)
        told = begun.told and not self._conversation.unanswered
        return told and last is not None and last.id == begun.last_item_id


def _freely(spec: ResponseSpec) -> str:
    """Return the choice of tools after a call: one that was demanded has been made."""
    return "none" if spec.tool_choice == "none" else "auto"


def _is_plain(options: ResponseOptions) -> bool:
    """Return whether a client asks for a response without saying anything about it."""
    said = options.model_dump(exclude_none=True)
    return said in ({}, {"conversation": "auto"})
