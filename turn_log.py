"""One log line per session and per response: what happened, and how long each stage took.

It listens to the events on their way out, so it sees what the client sees. It never logs words,
audio or keys.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from loguru import logger

from protocol import ServerEvent

_FIRST_AUDIO = {"response.output_audio.delta"}
_FIRST_TEXT = {"response.output_text.delta", "response.output_audio_transcript.delta"}


@dataclass(slots=True)
class _Times:
    created: float
    turn_ended: float | None
    text: float | None = None
    audio: float | None = None


class TurnLog:
    """The log of one session."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._opened = time.monotonic()
        self._turn_ended: float | None = None
        self._responses: dict[str, _Times] = {}
        self._turns = 0
        self._speculated = 0
        self._discarded = 0
        self._tracing: object = None

    def opened(self, client: str, model: str) -> None:
        """Log that a client connected."""
        logger.info(f"{self._session_id} opened by {client} for model {model}")

    def closed(self, reason: str) -> None:
        """Log that the session is over."""
        seconds = time.monotonic() - self._opened
        waste = (
            f", {self._discarded} of {self._speculated} begun early in vain"
            if self._speculated
            else ""
        )
        logger.info(
            f"{self._session_id} closed after {seconds:.1f} s and {self._turns} responses"
            f"{waste}: {reason}"
        )

    def speculated(self) -> None:
        """An answer was begun before the turn was over."""
        self._speculated += 1

    def discarded(self) -> None:
        """Such an answer was thrown away."""
        self._discarded += 1

    def observe(self, event: ServerEvent) -> None:
        """Take note of an event that is sent now."""
        now = time.monotonic()
        kind = event["type"]
        if kind == "session.updated":
            self._traced(event["session"].get("tracing"))
        elif kind == "input_audio_buffer.committed":
            self._turn_ended = now
        elif kind == "response.created":
            self._responses[event["response"]["id"]] = _Times(now, self._turn_ended)
            self._turn_ended = None
        elif kind == "response.done":
            self._finished(event["response"], now)
        elif kind in _FIRST_TEXT:
            times = self._responses[event["response_id"]]
            times.text = times.text or now
        elif kind in _FIRST_AUDIO:
            times = self._responses[event["response_id"]]
            times.audio = times.audio or now

    def _traced(self, tracing: object) -> None:
        """Log under which names the client wants to find the session again (§C.2)."""
        if tracing == self._tracing:
            return
        self._tracing = tracing
        if isinstance(tracing, dict):
            names = ", ".join(f"{name} {value!r}" for name, value in tracing.items() if value)
            logger.info(f"{self._session_id} is traced as {names}")

    def _finished(self, response: dict[str, object], now: float) -> None:
        times = self._responses.pop(str(response["id"]))
        self._turns += 1
        start = times.turn_ended or times.created
        stages = ", ".join(
            f"{name} {(moment - start) * 1000:.0f} ms"
            for name, moment in (
                ("first text", times.text),
                ("first audio", times.audio),
                ("done", now),
            )
            if moment is not None
        )
        line = f"{self._session_id} {response['id']} {response['status']}: {stages}"
        details = response["status_details"]
        if isinstance(details, dict) and details.get("error"):
            logger.warning(f"{line}: {details['error']['message']}")
        else:
            logger.info(line)
