"""The two turns that a check holds with a server, one typed and one spoken, by the `openai` SDK.

Each is recorded as it goes; what is to be thought of it, `verdicts` says.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable

from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime.realtime_session_create_request_param import (
    RealtimeSessionCreateRequestParam,
)

from audio.pcm import duration_ms, silence
from clients.recorded_turn import Turn
from clients.sdk import say
from clients.speech_sample import speech_end
from clients.verdicts import PAUSE_MS, SPOKEN_TURN, TRANSCRIPTION
from settings.localisation import _

CHUNK_MS = 20
WATCH_S = 0.5
"""How long a finished turn is watched for events that must not come."""

SESSION: RealtimeSessionCreateRequestParam = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "transcription": {"model": "whisper-1"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": PAUSE_MS},
        }
    },
}


async def receive(
    connection: AsyncRealtimeConnection,
    turn: Turn,
    timeout_s: float,
    complete: Callable[[], bool],
    watch_s: float = 0.0,
) -> None:
    """Record events until the turn is complete, then watch for what must not come."""
    finished = False
    try:
        async with asyncio.timeout(timeout_s) as limit:
            while not finished or watch_s:
                with turn.until_closed():
                    turn.add((await connection.recv()).to_dict())
                if turn.stopped:
                    return
                if not finished and complete():
                    finished = True
                    limit.reschedule(asyncio.get_running_loop().time() + watch_s)
    except TimeoutError:
        if not finished:
            turn.stop(_("not complete within {seconds:g} s (--timeout)").format(seconds=timeout_s))
    except (AttributeError, ValueError):
        turn.stop(_("the server sent something that is not a JSON object"))


async def open_session(connection: AsyncRealtimeConnection, timeout_s: float) -> Turn:
    """Await session.created and set the session up."""
    turn = Turn(_("Session"))
    await receive(connection, turn, timeout_s, lambda: bool(turn.events))
    if turn.of("session.created"):
        turn.note("> session.update")
        with turn.until_closed():
            await connection.session.update(session=SESSION)
        ends = ("session.updated", "error")
        await receive(connection, turn, timeout_s, lambda: bool(turn.of(*ends)))
    elif not turn.stopped:
        turn.stop(_("no session"))
    return turn


async def typed_turn(connection: AsyncRealtimeConnection, text: str, timeout_s: float) -> Turn:
    """Send a message and record the answer."""
    turn = Turn(_("Typed turn: {text}").format(text=text))
    turn.note("> conversation.item.create, response.create")
    with turn.until_closed():
        await say(connection, text)
    ends = ("response.done", "error")
    await receive(connection, turn, timeout_s, lambda: bool(turn.of(*ends)), WATCH_S)
    return turn


async def spoken_turn(connection: AsyncRealtimeConnection, pcm: bytes, timeout_s: float) -> Turn:
    """Speak as a microphone would, in real time, and record the answer."""
    turn = Turn(_("Spoken turn: {ms:.0f} ms of audio").format(ms=duration_ms(pcm)))

    def complete() -> bool:
        heard = turn.of(f"{TRANSCRIPTION}.completed", f"{TRANSCRIPTION}.failed")
        return bool(turn.of("error") or (turn.of("response.done") and heard))

    microphone = asyncio.create_task(stream(connection, turn, pcm))
    try:
        limit_s = timeout_s + duration_ms(pcm) / 1000
        await receive(connection, turn, limit_s, complete, WATCH_S)
    finally:
        microphone.cancel()
        await asyncio.gather(microphone, return_exceptions=True)  # `receive` has told of a close
    return turn


async def stream(connection: AsyncRealtimeConnection, turn: Turn, pcm: bytes) -> None:
    """Append audio in real time, then silence until the end of speech is recognised."""
    size, quiet = len(silence(CHUNK_MS)), silence(CHUNK_MS)
    chunks = [pcm[start : start + size] for start in range(0, len(pcm), size)]
    last_sound = (speech_end(pcm) - 1) // size
    turn.note("> input_audio_buffer.append, " + _("{ms} ms each").format(ms=CHUNK_MS))
    start, sent = time.perf_counter(), 0
    while sent < len(chunks) or not _speech_over(turn):
        await asyncio.sleep(start + (sent + 1) * CHUNK_MS / 1000 - time.perf_counter())
        chunk = chunks[sent] if sent < len(chunks) else quiet
        await connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())
        if sent == last_sound:
            turn.speech_ended = turn.clock()
            turn.note("  " + _("end of speech"))
        sent += 1


def _speech_over(turn: Turn) -> bool:
    vad = turn.of(*SPOKEN_TURN[:2])
    return bool(vad) and vad[-1]["type"] == SPOKEN_TURN[1]
