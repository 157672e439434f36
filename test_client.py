"""Checks a running Realtime server from end to end, as any client would meet it.

It holds two turns, one typed and one spoken, through the official `openai` SDK, prints what
happened when, and judges it: which events came, in which order, with which audio and transcripts.
`--interactive` is a chat in the terminal instead.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from settings.installation import missing_library, program_name

try:
    import numpy as np
    from openai.resources.realtime.realtime import AsyncRealtimeConnection
    from openai.types.realtime.realtime_session_create_request_param import (
        RealtimeSessionCreateRequestParam,
    )
    from websockets.exceptions import ConnectionClosed

    from audio.pcm import (
        BYTES_PER_SAMPLE,
        WIRE_RATE,
        duration_ms,
        read_wav,
        resample,
        silence,
        write_wav,
    )
    from clients.sdk import DEFAULT_MODEL, LOCAL_URL, LOST, ClientError, explain, make_client
    from clients.verdicts import (
        PAUSE_MS,
        SPOKEN_TURN,
        TRANSCRIPTION,
        Check,
        Turn,
        check_all,
        check_answer,
        check_session,
        check_spoken,
        check_typed,
        report,
    )
except ModuleNotFoundError as missing:
    raise SystemExit(missing_library(missing.name)) from None

DEFAULT_TEXT = "Say exactly: the quick brown fox jumps over the lazy dog"
SPOKEN_TEXT = "What is the weather like today?"
LEAD_MS = 300
"""Silence before the embedded voice begins, as before anybody who speaks into a microphone."""
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
CHAT_SESSION: RealtimeSessionCreateRequestParam = {
    "type": "realtime",
    "output_modalities": ["text"],
    "audio": {"input": {"turn_detection": None}},
}


@asynccontextmanager
async def connected(args: argparse.Namespace) -> AsyncIterator[AsyncRealtimeConnection]:
    """Open a connection and close it in the end."""
    client = make_client(args.url, args.api_key)
    try:
        connection = await client.realtime.connect(model=args.model).enter()
    except LOST as error:
        raise ClientError(explain(error, args.url)) from error
    try:
        yield connection
    finally:
        await connection.close()
        await client.close()


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
            turn.stop(f"not complete within {timeout_s:g} s (--timeout)")
    except (AttributeError, ValueError):
        turn.stop("the server sent something that is not a JSON object")


async def open_session(connection: AsyncRealtimeConnection, timeout_s: float) -> Turn:
    """Await session.created and set the session up."""
    turn = Turn("Session")
    await receive(connection, turn, timeout_s, lambda: bool(turn.events))
    if turn.of("session.created"):
        turn.note("> session.update")
        with turn.until_closed():
            await connection.session.update(session=SESSION)
        ends = ("session.updated", "error")
        await receive(connection, turn, timeout_s, lambda: bool(turn.of(*ends)))
    elif not turn.stopped:
        turn.stop("no session")
    return turn


async def typed_turn(connection: AsyncRealtimeConnection, text: str, timeout_s: float) -> Turn:
    """Send a message and record the answer."""
    turn = Turn(f"Typed turn: {text}")
    turn.note("> conversation.item.create, response.create")
    with turn.until_closed():
        await say(connection, text)
    ends = ("response.done", "error")
    await receive(connection, turn, timeout_s, lambda: bool(turn.of(*ends)), WATCH_S)
    return turn


async def say(connection: AsyncRealtimeConnection, text: str) -> None:
    """Put a message of the user into the conversation and ask for an answer."""
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    )
    await connection.response.create()


async def spoken_turn(connection: AsyncRealtimeConnection, pcm: bytes, timeout_s: float) -> Turn:
    """Speak as a microphone would, in real time, and record the answer."""
    turn = Turn(f"Spoken turn: {duration_ms(pcm):.0f} ms of audio")

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
    turn.note(f"> input_audio_buffer.append, {CHUNK_MS} ms each")
    start, sent = time.perf_counter(), 0
    while sent < len(chunks) or not _speech_over(turn):
        await asyncio.sleep(start + (sent + 1) * CHUNK_MS / 1000 - time.perf_counter())
        chunk = chunks[sent] if sent < len(chunks) else quiet
        await connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())
        if sent == last_sound:
            turn.speech_ended = turn.clock()
            turn.note("  end of speech")
        sent += 1


def _speech_over(turn: Turn) -> bool:
    vad = turn.of(*SPOKEN_TURN[:2])
    return bool(vad) and vad[-1]["type"] == SPOKEN_TURN[1]


def speech_end(pcm: bytes) -> int:
    """Find where the trailing silence of a recording begins, as a byte offset."""
    level = np.abs(np.frombuffer(pcm, dtype="<i2").astype(np.int32))
    loud = np.flatnonzero(level > 0.02 * level.max(initial=0))
    return (int(loud[-1]) + 1) * BYTES_PER_SAMPLE if loud.size else len(pcm)


async def speech(wav: str | None) -> bytes:
    """Return what the spoken turn says: a recording, or the embedded voice.

    Raises:
        ClientError: There is neither.
    """
    if wav is not None:
        try:
            pcm = read_wav(wav)
        except (OSError, ValueError, EOFError) as error:
            raise ClientError(f"--wav {wav} cannot be read: {error}") from error
        if not pcm:
            raise ClientError(f"--wav {wav} holds no audio; record a sentence.")
        return pcm
    from providers.tts.speech_engine import SynthesisError

    try:
        return await embedded_speech(SPOKEN_TEXT)
    except (ImportError, SynthesisError) as error:
        raise ClientError(
            f"The embedded voice cannot speak here ({error}). Give a recording by --wav FILE."
        ) from error


async def embedded_speech(text: str) -> bytes:
    """Let the server's built-in voice say something in this process, flite if there is one."""
    from providers.tts import flite
    from providers.tts.espeak import DEFAULT_VOICE, Espeak

    clear = flite.find()
    engine, voice = (clear, flite.VOICE) if clear else (Espeak(), DEFAULT_VOICE)
    try:
        made = [chunk async for chunk in engine.synthesize(text, voice)]
    finally:
        engine.close()
    return silence(LEAD_MS) + resample(b"".join(made), engine.sample_rate, WIRE_RATE)


async def check(args: argparse.Namespace) -> int:
    """Hold both turns and print the verdicts.

    Returns:
        The number of failed checks.
    """
    no_speech, pcm, reply = "", b"", b""
    try:
        pcm = await speech(args.wav)
    except ClientError as error:
        if args.wav is not None:
            raise
        no_speech = str(error)
    async with connected(args) as connection:
        turn = await open_session(connection, args.timeout)
        failed = report([*check_session(turn)])
        if not turn.stopped:
            turn = await typed_turn(connection, args.text, args.timeout)
            failed += report([*check_typed(turn), *check_answer(turn), *check_all(turn)])
            tell_latency("response.create", 0.0, turn)
            reply = turn.audio()
        if no_speech:
            print("\nSpoken turn")
            failed += report([Check("the spoken turn is held", False, no_speech)])
        elif not turn.stopped:
            turn = await spoken_turn(connection, pcm, args.timeout)
            failed += report([*check_spoken(turn), *check_answer(turn), *check_all(turn)])
            tell_latency("end of speech", turn.speech_ended, turn)
            reply = turn.audio() or reply
    if args.save and reply:
        save(args.save, reply)
    print(f"\n{len(failed)} checks failed." if failed else "\nAll checks passed.")
    return len(failed)


def tell_latency(since: str, start_ms: float | None, turn: Turn) -> None:
    """Print how long the first audio took."""
    first = turn.first_ms("response.output_audio.delta")
    if first is not None and start_ms is not None:
        print(f"  {first - start_ms:.0f} ms from {since} to the first audio")


def save(path: str, pcm: bytes) -> None:
    """Write the reply as WAV."""
    try:
        write_wav(path, pcm)
    except OSError as error:
        raise ClientError(f"--save {path} cannot be written: {error.strerror}.") from error
    print(f"\nReply saved as {path} ({duration_ms(pcm):.0f} ms).")


async def chat(args: argparse.Namespace) -> int:
    """Chat in the terminal until the end of input or Ctrl-C; Ctrl-C stops an answer."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    stop_answer = asyncio.Event()
    answering = False

    def interrupted() -> None:
        if answering:
            stop_answer.set()
        else:
            lines.put_nowait(None)

    def on_ctrl_c(*_: object) -> None:
        if answering and stop_answer.is_set():
            raise KeyboardInterrupt  # the server does not stop: leave
        loop.call_soon_threadsafe(interrupted)

    def read() -> None:
        # Not sys.stdin: a thread that waits inside it cannot be left behind at exit.
        with open(0, encoding="utf-8", errors="replace", closefd=False) as terminal:
            for line in terminal:
                loop.call_soon_threadsafe(lines.put_nowait, line.strip())
        loop.call_soon_threadsafe(lines.put_nowait, None)

    signal.signal(signal.SIGINT, on_ctrl_c)
    async with connected(args) as connection:
        await connection.session.update(session=CHAT_SESSION)
        print("Type a message. Ctrl-C stops an answer, Ctrl-D ends the chat.")
        threading.Thread(target=read, daemon=True).start()
        while True:
            print("> ", end="", flush=True)
            line = await lines.get()
            if line is None:
                break
            if not line:
                continue
            answering = True
            stop_answer.clear()
            canceller = asyncio.create_task(_cancel_on(stop_answer, connection))
            try:
                await say(connection, line)
                await print_answer(connection)
            except ConnectionClosed as error:
                raise ClientError(explain(error, args.url)) from error
            finally:
                answering = False
                canceller.cancel()
    print()
    return 0


async def _cancel_on(stop: asyncio.Event, connection: AsyncRealtimeConnection) -> None:
    await stop.wait()
    await connection.response.cancel()


async def print_answer(connection: AsyncRealtimeConnection) -> None:
    """Print an answer as it is written."""
    async for event in connection:
        if event.type == "response.output_text.delta":
            print(event.delta, end="", flush=True)
        elif event.type == "error" and event.error.code != "response_cancel_not_active":
            print(f"[{event.error.message}]")
            return
        elif event.type == "response.done":
            status, details = event.response.status, event.response.status_details
            reason = details.error if details and details.error else None
            print("" if status == "completed" else f" [{getattr(reason, 'message', status)}]")
            return


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog=program_name("test_client.py"),
        description="Check a running Realtime server with a typed and a spoken turn.",
        epilog="Exit status: 0 all checks passed, 1 some failed, 2 nothing could be checked.",
    )
    parser.add_argument("--url", default=LOCAL_URL, help="address (default: %(default)s)")
    parser.add_argument(
        "--api-key",
        default=os.environ.get("OPENAI_API_KEY") or "none",
        help="API key (default: $OPENAI_API_KEY, else 'none')",
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help="model (default: %(default)s)")
    parser.add_argument("--text", default=DEFAULT_TEXT, help="what the typed turn says")
    parser.add_argument(
        "--wav", metavar="FILE", help="what the spoken turn says (default: the embedded voice)"
    )
    parser.add_argument("--save", metavar="FILE", help="save the last reply as a WAV file")
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="S", help="seconds for a turn (default: 30)"
    )
    parser.add_argument("-i", "--interactive", action="store_true", help="chat in the terminal")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    args = parse_arguments(argv)
    try:
        if args.interactive:
            return asyncio.run(chat(args))
        return 1 if asyncio.run(check(args)) else 0
    except ClientError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
