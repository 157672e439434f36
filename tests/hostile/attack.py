"""An attack on one session, and the proof that it survived: a whole turn afterwards.

Used by the tests, and for far longer by `benchmarks/fuzz.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from tests.hostile.messages import SERVER_VAD, Frame
from tests.support.wire_client import WireClient, speech

SANE = {
    "type": "realtime",
    "instructions": "Be brief.",
    "output_modalities": ["audio"],
    "tools": [],
    "tool_choice": "auto",
    "max_output_tokens": "inf",
    "truncation": "auto",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "whisper-1"},
            "noise_reduction": None,
            "turn_detection": SERVER_VAD,
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "speed": 1.0},
    },
}
"""A session as it was before somebody set everything to something else."""
SPEECH = speech()
_numbers = count()


class NotAsBefore(AssertionError):
    """The session does not work any more."""


async def attack(wire: WireClient, frames: Iterable[Frame]) -> int:
    """Send all frames at once, then read all answers; return how many were sent."""
    sent = 0
    for frame in frames:
        await wire.socket.send(frame.data, text=not frame.binary)
        sent += 1
    await answered(wire, await mark(wire))
    return sent


async def mark(wire: WireClient) -> str:
    """Ask for what is always refused; its refusal comes when all before it is through."""
    marker = f"marker {next(_numbers)}"
    await wire.send("response.cancel", event_id=marker, response_id="nobody")
    return marker


async def answered(wire: WireClient, marker: str) -> None:
    """Receive up to the answer to an event."""
    while (await wire.until("error"))["error"]["event_id"] != marker:
        pass


async def normal_turn(wire: WireClient, *, spoken: bool) -> None:
    """Bring the session back to where turns begin, and hold one.

    Raises:
        NotAsBefore: It is not as if nothing had happened.
    """
    await _calm(wire)
    start = len(wire.events)
    if spoken:
        await wire.append(SPEECH, len(SPEECH))
    else:
        await wire.say("hi")
    response_id = (await wire.until("response.created"))["response"]["id"]
    while (done := await wire.until("response.done"))["response"]["id"] != response_id:
        pass
    if done["response"]["status"] != "completed":
        raise NotAsBefore(done["response"])
    came = wire.types(start)
    expected = ["conversation.item.done", "response.created", "response.output_audio.delta"]
    if spoken:
        expected = ["input_audio_buffer.speech_started", "input_audio_buffer.committed", *expected]
    if missing := set(expected) - set(came):
        raise NotAsBefore(f"no {missing} among {came}")


async def _calm(wire: WireClient) -> None:
    """End what is running, and undo what was set."""
    await wire.send("session.update", session=SANE)
    await wire.send("input_audio_buffer.clear")
    refused = "response_cancel_not_active"
    while True:
        marker = f"calm {next(_numbers)}"
        await wire.send("response.cancel", event_id=marker)
        await wire.send("response.cancel", event_id=f"{marker}'", response_id="nobody")
        start = len(wire.events)
        await answered(wire, f"{marker}'")
        errors = [e["error"] for e in wire.events[start:] if e["type"] == "error"]
        if any((e["event_id"], e["code"]) == (marker, refused) for e in errors):
            return
