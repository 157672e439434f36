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
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from openai.types.realtime.realtime_session_create_request_param import (
    RealtimeSessionCreateRequestParam,
)
from pydantic import BaseModel, ValidationError
from websockets.exceptions import ConnectionClosed

from audio_utils import (
    BYTES_PER_SAMPLE,
    WIRE_RATE,
    duration_ms,
    read_wav,
    resample,
    silence,
    write_wav,
)
from realtime_client import DEFAULT_MODEL, LOCAL_URL, LOST, ClientError, explain, make_client

DEFAULT_TEXT = "Say exactly: the quick brown fox jumps over the lazy dog"
SPOKEN_TEXT = "What is the weather like today?"
LEAD_MS = 300
"""Silence before the embedded voice begins, as before anybody who speaks into a microphone."""
CHUNK_MS = 20
PAUSE_MS = 500
"""Silence that ends the spoken turn, as the session asks for it."""
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
SPOKEN_TURN = (
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
)
ANSWER = (
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
)
TRANSCRIPTION = "conversation.item.input_audio_transcription"

Event = dict[str, Any]
MODELS: dict[str, type[BaseModel]] = {
    get_args(model.model_fields["type"].annotation)[0]: model
    for model in get_args(get_args(RealtimeServerEvent)[0])
}
"""The SDK's own type of every server event."""


def dig(event: Any, *path: str | int) -> Any:
    """Follow `path` into an event; None where it leads nowhere."""
    for step in path:
        try:
            event = event[step]
        except (KeyError, IndexError, TypeError):
            return None
    return event


@dataclass
class Turn:
    """What arrived in one turn, and when: ms since the turn began."""

    title: str
    events: list[Event] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)
    speech_ended: float | None = None
    """When the last sound of the spoken turn had been sent."""
    stopped: str = ""
    """Why the turn ended before it was complete."""

    def __post_init__(self) -> None:
        print(f"\n{self.title}")

    def clock(self) -> float:
        """Milliseconds since the turn began."""
        return (time.perf_counter() - self.started) * 1000

    def note(self, text: str) -> None:
        """Write a line of the timeline."""
        print(f"{self.clock():8.0f} ms  {text}", flush=True)

    def add(self, event: Event) -> None:
        """Record an event; of deltas only the first of a kind is shown."""
        kind = event.get("type", "?")
        if not kind.endswith(".delta"):
            self.note(f"< {kind}{_detail(event)}")
        elif not self.of(kind):
            self.note(f"< {kind} (first)")
        self.events.append(event)
        self.times.append(self.clock())

    @contextmanager
    def until_closed(self) -> Iterator[None]:
        """Note it when the server closes the connection within the block."""
        try:
            yield
        except ConnectionClosed as error:
            self.stop(f"connection closed: {error}")

    def stop(self, reason: str) -> None:
        """Note that nothing more will come."""
        if not self.stopped:
            self.stopped = reason
            self.note(reason)

    def of(self, *kinds: str) -> list[Event]:
        """Events of these types, in the order they came."""
        return [event for event in self.events if event.get("type") in kinds]

    def first_ms(self, kind: str) -> float | None:
        """When the first event of a type came."""
        return next(
            (at for at, e in zip(self.times, self.events, strict=True) if e.get("type") == kind),
            None,
        )

    def audio(self) -> bytes:
        """All audio of the answer."""
        return b"".join(_pcm(event) for event in self.of("response.output_audio.delta"))


def _detail(event: Event) -> str:
    for path in (
        ("error", "message"),
        ("response", "status"),
        ("audio_start_ms",),
        ("audio_end_ms",),
        ("transcript",),
    ):
        value = dig(event, *path)
        if value is not None:
            return f"  {value!r}" if isinstance(value, str) else f"  {path[0]} {value}"
    return ""


def _pcm(event: Event) -> bytes:
    try:
        return base64.b64decode(str(event.get("delta")), validate=True)
    except ValueError:
        return b""


@dataclass(frozen=True)
class Check:
    """One verdict."""

    name: str
    passed: bool
    detail: str = ""


def check_session(turn: Turn) -> Iterator[Check]:
    """Judge the first two events of a session."""
    first = turn.events[0] if turn.events else {}
    session = first.get("session")
    yield Check(
        "session.created is the first event",
        first.get("type") == "session.created",
        f"{dig(session, 'id')}, model {dig(session, 'model')}"
        if session
        else turn.stopped or str(first.get("type")),
    )
    updated = turn.of("session.updated")
    heard = dig(updated, 0, "session", "audio", "input")
    yield Check(
        "session.updated shows what session.update asked for",
        len(updated) == 1
        and dig(heard, "transcription", "model") == "whisper-1"
        and dig(heard, "turn_detection", "silence_duration_ms") == PAUSE_MS,
        "" if heard else "no session.updated",
    )
    yield from check_all(turn)


def check_all(turn: Turn) -> Iterator[Check]:
    """Judge what holds for any turn: no errors, and the event types of the SDK."""
    wrong = [message for event in turn.events if (message := _misshapen(event))]
    yield Check("every event has the form the SDK declares", not wrong, "; ".join(wrong[:3]))
    errors = [str(dig(event, "error", "message")) for event in turn.of("error")]
    yield Check("no error events", not errors, "; ".join(errors[:3]))


def _misshapen(event: Event) -> str:
    kind = str(event.get("type"))
    model = MODELS.get(kind)
    if model is None:
        return f"{kind} is no event of the SDK"
    try:
        model.model_validate(event)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        return f"{kind}: {where}: {error.errors()[0]['msg']}"
    return ""


def check_typed(turn: Turn) -> Iterator[Check]:
    """Judge the events of a message the client created."""
    kinds = ("conversation.item.added", "conversation.item.done")
    items = [event for event in turn.of(*kinds) if dig(event, "item", "role") == "user"]
    yield Check(
        "the message is acknowledged by item.added, then item.done",
        [event["type"] for event in items] == list(kinds)
        and items[0]["item"] == items[1]["item"]
        and dig(items[0], "item", "content", 0, "type") == "input_text",
        ", ".join(event["type"] for event in items) or "nothing came",
    )


def check_spoken(turn: Turn) -> Iterator[Check]:
    """Judge turn detection and transcription."""
    item_id = dig(turn.of("input_audio_buffer.committed"), 0, "item_id")
    order = [
        event["type"]
        for event in turn.of(*SPOKEN_TURN)
        if "item" not in event or dig(event, "item", "id") == item_id
    ]
    yield Check(
        "speech_started, speech_stopped, committed, item.added, item.done, response.created",
        order == list(SPOKEN_TURN),
        ", ".join(kind.rsplit(".", 1)[-1] for kind in order) or "no speech was detected",
    )
    starts = len(turn.of(SPOKEN_TURN[0]))
    yield Check(
        "the recording is one turn",
        starts == 1,
        f"speech started {starts} times; are there pauses over {PAUSE_MS} ms?"
        if starts > 1
        else "",
    )
    ids = {event.get("item_id") for event in turn.of(*SPOKEN_TURN[:3])}
    yield Check("one item id from speech_started on", ids == {item_id} != {None})
    done = [e for e in turn.of(f"{TRANSCRIPTION}.completed") if e.get("item_id") == item_id]
    said = str(dig(done, 0, "transcript") or "")
    failure = dig(turn.of(f"{TRANSCRIPTION}.failed"), 0, "error", "message")
    yield Check(
        "one transcription.completed, with words and usage",
        len(done) == 1 and bool(said.strip()) and bool(done[0].get("usage")),
        repr(said) if done else str(failure or "none came"),
    )
    deltas = turn.of(f"{TRANSCRIPTION}.delta")
    joined = "".join(str(e.get("delta")) for e in deltas if e.get("item_id") == item_id)
    yield Check("transcription deltas add up to it", not deltas or joined == said, repr(joined))


def _belongs(event: Event, response_id: str, items: set[Any]) -> bool:
    """Whether an event is part of a response."""
    if event.get("type", "").startswith(TRANSCRIPTION):
        return False
    mine = event.get("response_id") or dig(event, "response", "id")
    return mine == response_id or (dig(event, "item", "id") or event.get("item_id")) in items


def check_answer(turn: Turn) -> Iterator[Check]:
    """Judge the one response of a turn."""
    done = turn.of("response.done")
    response_id = str(dig(turn.of("response.created"), 0, "response", "id"))
    items = {dig(event, "item", "id") for event in turn.of("response.output_item.added")} - {None}
    own = [event for event in turn.events if _belongs(event, response_id, items)]
    of_any = [e for e in turn.events if e.get("response_id") or "response" in e]
    yield Check(
        "response.created comes before the events of its response",
        bool(own) and own[0] is of_any[0] and own[0].get("type") == "response.created",
        f"first: {of_any[0].get('type')}" if of_any else turn.stopped or "no response",
    )
    order = list(dict.fromkeys(e["type"] for e in own if e.get("type") in ANSWER))
    yield Check(
        "the response opens and closes in the order of the protocol",
        order == list(ANSWER),
        "" if order == list(ANSWER) else ", ".join(order),
    )
    final = dig(turn.of("response.output_audio_transcript.done"), 0, "transcript")
    deltas = turn.of("response.output_audio_transcript.delta")
    joined = "".join(str(event.get("delta")) for event in deltas)
    yield Check(
        f"{len(deltas)} transcript deltas add up to the transcript",
        bool(final) and joined == final,
        repr(final) if joined == final else f"{joined!r} is not {final!r}",
    )
    sizes = [len(_pcm(event)) for event in turn.of("response.output_audio.delta")]
    yield Check(
        "audio came, in whole samples",
        bool(sizes) and all(size and size % BYTES_PER_SAMPLE == 0 for size in sizes),
        f"{len(sizes)} deltas, {duration_ms(turn.audio()):.0f} ms",
    )
    statuses = [dig(event, "response", "status") for event in done]
    yield Check(
        "exactly one response.done, status completed",
        statuses == ["completed"],
        f"{statuses} {dig(done, 0, 'response', 'status_details') or turn.stopped}"
        if statuses != ["completed"]
        else "",
    )
    last = next((i for i, e in enumerate(own) if e.get("type") == "response.done"), len(own))
    late = [str(event.get("type")) for event in own[last + 1 :]]
    yield Check("nothing of the response after response.done", not late, ", ".join(late[:5]))


def report(checks: Sequence[Check]) -> list[Check]:
    """Print verdicts and return those that failed."""
    for check in checks:
        detail = f"  ({check.detail})" if check.detail else ""
        print(f"  {'PASS' if check.passed else 'FAIL'}  {check.name}{detail}", flush=True)
    return [check for check in checks if not check.passed]


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
    from providers.speech_engine import SynthesisError

    try:
        return await embedded_speech(SPOKEN_TEXT)
    except (ImportError, SynthesisError) as error:
        raise ClientError(
            f"The embedded voice cannot speak here ({error}). Give a recording by --wav FILE."
        ) from error


async def embedded_speech(text: str) -> bytes:
    """Let the server's built-in voice say something in this process, flite if there is one."""
    from providers import flite
    from providers.espeak import DEFAULT_VOICE, Espeak

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
        prog="test_client.py",
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
