"""The responses that a service is making for one session, and what its events say of them (§B.2).

Several may run beside each other; the service names each in `response.created`, whose metadata is
ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pybase64

from providers.links.failures import LinkFailure, nonsense
from providers.links.link import Event
from providers.links.realtime_link import RealtimeLink, error_of
from session.ports import FinishReason
from session.reports import AudioMade, ResponseFinished, TextMade, ToolCallMade
from upstream.generation import UpstreamGeneration
from upstream.openai.wire import MARK, usage_of


@dataclass(slots=True)
class _Running:
    """A response that the service has begun."""

    asked: UpstreamGeneration
    link: RealtimeLink
    half: bytes = b""
    """Half a sample, whose rest comes with the next audio."""
    calls: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Index of a function call's item → call id and name."""
    written: set[int] = field(default_factory=set)
    """Those of them with arguments."""


class Responses:
    """All responses that are asked for or running."""

    def __init__(self) -> None:
        """Start with none."""
        self._asked: dict[str, tuple[UpstreamGeneration, RealtimeLink]] = {}
        """By the event that asks for each, in order, with the connection that it went over."""
        self._running: dict[str, _Running] = {}
        """By the service's id."""
        self._unwanted: set[str] = set()
        """Our ids of responses that were given up before the service named them."""

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return bool(self._asked or self._running)

    def ask(self, asked: UpstreamGeneration, event_id: str, link: RealtimeLink) -> None:
        """Note that a response is asked for."""
        self._asked[event_id] = asked, link

    def refused(self, event_id: object) -> UpstreamGeneration | None:
        """Forget the response that an event asked for in vain; returns it, if there is one."""
        found = self._asked.pop(event_id, None) if isinstance(event_id, str) else None
        return None if found is None else found[0]

    def drop(self, asked: UpstreamGeneration) -> tuple[RealtimeLink, str | None] | None:
        """Forget a response.

        Returns:
            Its connection, and the service's id of it, if it has begun; None: nobody asked for it.
        """
        for event_id, (other, link) in list(self._asked.items()):
            if other is asked:
                del self._asked[event_id]
                self._unwanted.add(asked.request.response_id)
                return link, None
        for name, running in list(self._running.items()):
            if running.asked is asked:
                del self._running[name]
                return running.link, name
        return None

    def lose(self, link: RealtimeLink) -> list[UpstreamGeneration]:
        """Forget the responses of a connection that is over, and return them."""
        asked = {event_id: one for event_id, (one, on) in self._asked.items() if on is link}
        begun = {name: one.asked for name, one in self._running.items() if one.link is link}
        for event_id in asked:
            del self._asked[event_id]
        for name in begun:
            del self._running[name]
        return [*asked.values(), *begun.values()]

    async def take(self, event: Event) -> str | None:
        """Take an event of a response; waits while its client is behind.

        Returns:
            The service's id of a response that nobody wants any more, to be cancelled.

        Raises:
            KeyError, TypeError, ValueError: It is not as the protocol has it.
        """
        if event["type"] == "response.created":
            return self._created(event["response"])
        if event["type"] == "response.done":
            await self._done(event["response"])
            return None
        running = self._running.get(event.get("response_id", ""))
        if running is not None:
            await self._made(running, event)
        return None

    def _created(self, response: Event) -> str | None:
        name, mark = response["id"], (response.get("metadata") or {}).get(MARK)
        if mark in self._unwanted:
            self._unwanted.discard(mark)
            return str(name)
        for event_id, (asked, link) in self._asked.items():
            if asked.request.response_id == mark:
                del self._asked[event_id]
                self._running[name] = _Running(asked, link)
                asked.alive()
                return None
        return None

    async def _made(self, running: _Running, event: Event) -> None:
        asked = running.asked
        response_id = asked.request.response_id
        match event:
            case {
                "type": "response.output_audio_transcript.delta" | "response.output_text.delta",
                "delta": str(delta),
            }:
                await asked.take(TextMade(response_id, delta))
            case {"type": "response.output_audio.delta", "delta": str(delta)}:
                pcm = running.half + pybase64.b64decode(delta, validate=True)
                whole = len(pcm) & ~1
                running.half = pcm[whole:]
                await asked.take(AudioMade(response_id, pcm[:whole]))
            case {
                "type": "response.output_item.added",
                "output_index": int(index),
                "item": {"type": "function_call"} as item,
            }:
                running.calls[index] = item["call_id"], item["name"]
                await asked.take(ToolCallMade(response_id, index, *running.calls[index], ""))
            case {
                "type": "response.function_call_arguments.delta",
                "output_index": int(index),
                "delta": str(delta),
            }:
                running.written.add(index)
                await asked.take(ToolCallMade(response_id, index, *running.calls[index], delta))
            case {
                "type": "response.function_call_arguments.done",
                "output_index": int(index),
                "arguments": str(arguments),
            } if index not in running.written:
                await asked.take(ToolCallMade(response_id, index, *running.calls[index], arguments))
            case _:
                asked.alive()

    async def _done(self, response: Event) -> None:
        running = self._running.pop(response["id"], None)
        if running is None:
            return
        asked, details = running.asked, response.get("status_details") or {}
        usage = usage_of(response)
        match response["status"]:
            case "completed":
                reason: FinishReason = "tool_calls" if running.calls else "stop"
            case "incomplete" if details.get("reason") == "content_filter":
                reason = "content_filter"
            case "incomplete":
                reason = "length"
            case "failed":
                asked.fail(_failure(details), usage=usage)
                return
            case status:
                asked.fail(nonsense(f"it ended the response as '{str(status)[:40]}'"), usage=usage)
                return
        await asked.take(ResponseFinished(asked.request.response_id, reason, usage))


def _failure(details: Event) -> LinkFailure:
    error = details.get("error")
    if not isinstance(error, dict):
        return nonsense("the response failed, and it does not say why")
    return error_of({"error": error})
