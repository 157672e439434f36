"""How long a client's heaviest requests delay all other sessions.

    python -m benchmarks.loop_stalls [--rounds N] [--limit MS] [--json]

A server runs in its own process, and one client makes one heavy request after the other. The delay
of other sessions is the largest lateness of a timer in the server's event loop meanwhile. It
includes other load of the machine, so the best of several rounds counts. With `--limit` the exit
status is 1 if anything takes longer.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import struct
import sys
import time
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from audio.formats import AudioFormat, Encoder
from audio.pcm import WIRE_RATE, read_wav, silence
from config import load_settings
from main import create_app
from serving.process.server import bound_socket
from serving.process.uvicorn_websocket import server_config
from telemetry.logs import configure_logging
from telemetry.loop_lag import watching

ROOT = Path(__file__).resolve().parent.parent
TICK_S = 0.002

MIB = 1024 * 1024
MINUTE = 60 * WIRE_RATE * 2
"""Bytes of a minute of PCM."""
SENTENCES = 20
BREATH_S = 0.05
"""Seconds to wait until the server has begun a speculative answer."""
QUESTION = Path(__file__).parent / "data" / "question.wav"
SENTENCE = "This goes on and on, and it takes some time to say. "

Event = dict[str, Any]


class Heavy:
    """A client that makes heavy requests."""

    def __init__(self, socket: ClientConnection) -> None:
        """Use a connection that has been greeted."""
        self._socket = socket

    async def send(self, type_: str, **fields: Any) -> None:
        """Send an event."""
        await self._socket.send(json.dumps({"type": type_, **fields}))

    async def until(self, type_: str) -> Event:
        """Receive up to and including the next event of a type."""
        while True:
            event: Event = json.loads(await self._socket.recv())
            if event["type"] == "error":
                raise RuntimeError(event["error"]["message"])
            if event["type"] == type_:
                return event

    async def settle(self) -> None:
        """Wait until the server has handled everything that was sent."""
        await self.send("input_audio_buffer.clear")
        await self.until("input_audio_buffer.cleared")

    async def configure(self, **audio_input: Any) -> None:
        """Update the session's `audio.input`."""
        audio = {"input": {"turn_detection": None, **audio_input}}
        await self.send("session.update", session={"type": "realtime", "audio": audio})
        await self.until("session.updated")

    async def append(self, audio: bytes, size: int) -> None:
        """Append audio in events of `size` bytes."""
        for start in range(0, len(audio), size):
            piece = base64.b64encode(audio[start : start + size]).decode()
            await self.send("input_audio_buffer.append", audio=piece)

    async def hesitate(self, sentence: bytes, pause: bytes) -> None:
        """Append a sentence many times, with a pause after each."""
        for _ in range(SENTENCES):
            await self.append(sentence + pause, 4800)
            await asyncio.sleep(BREATH_S)

    async def commit(self) -> str:
        """Commit; returns the item's id when it has been transcribed."""
        await self.send("input_audio_buffer.commit")
        item_id: str = (await self.until("input_audio_buffer.committed"))["item_id"]
        await self.until("conversation.item.input_audio_transcription.completed")
        return item_id


async def largest_append(client: Heavy) -> None:
    """15 MiB of audio in one event."""
    await client.append(bytes(15 * MIB), 15 * MIB)
    await client.settle()


async def detected_file(client: Heavy) -> None:
    """A minute of audio in one event, with turn detection on."""
    await client.configure(turn_detection={"type": "server_vad"})
    await client.append(hum(60_000), MINUTE)
    await client.settle()


async def hesitant_speech(client: Heavy) -> None:
    """A turn of 20 sentences, after each of which a speculative answer is begun and dropped."""
    await client.configure(turn_detection={"type": "server_vad", "silence_duration_ms": 2000})
    await client.hesitate(read_wav(QUESTION), silence(300))
    await client.settle()


async def hesitant_call(client: Heavy) -> None:
    """The same in G.711, with noise reduction."""
    detection = {"type": "server_vad", "silence_duration_ms": 2000}
    noise, pcmu = {"type": "near_field"}, {"type": "audio/pcmu"}
    await client.configure(turn_detection=detection, noise_reduction=noise, format=pcmu)
    spoken = Encoder(AudioFormat("audio/pcmu")).push(read_wav(QUESTION), last=True)
    await client.hesitate(spoken, b"\xff" * 2400)
    await client.settle()


async def long_answer(client: Heavy) -> None:
    """An answer of 5 minutes is made, and then truncated."""
    await client.send("response.create")
    done = await client.until("response.done")
    heard = {"content_index": 0, "audio_end_ms": 150_000}
    item_id = done["response"]["output"][0]["id"]
    await client.send("conversation.item.truncate", item_id=item_id, **heard)
    await client.until("conversation.item.truncated")


async def long_turn(client: Heavy) -> None:
    """A turn of 5 minutes is committed."""
    await client.configure(transcription={"model": "whisper-1"})
    await client.append(bytes(5 * MINUTE), MINUTE)
    await client.commit()


async def noisy_turn(client: Heavy) -> None:
    """A turn of 2 minutes is committed with noise reduction."""
    noise = {"type": "far_field"}
    await client.configure(transcription={"model": "whisper-1"}, noise_reduction=noise)
    await client.append(hum(120_000), MINUTE // 60)
    await client.commit()


async def telephone_turn(client: Heavy) -> None:
    """A turn of 5 minutes of G.711 is committed."""
    pcmu = {"type": "audio/pcmu"}
    await client.configure(transcription={"model": "whisper-1"}, format=pcmu)
    await client.append(bytes(5 * 60 * 8000), 8000 * 60)
    await client.commit()


async def changed_format(client: Heavy) -> None:
    """The input format is changed while 5 minutes wait to be committed."""
    await client.append(bytes(5 * MINUTE), MINUTE)
    await client.configure(format={"type": "audio/pcmu"})


async def retrieved_item(client: Heavy) -> None:
    """An item with 5 minutes of audio is retrieved."""
    await client.configure(transcription={"model": "whisper-1"})
    await client.append(bytes(5 * MINUTE), MINUTE)
    await client.send("conversation.item.retrieve", item_id=await client.commit())
    await client.until("conversation.item.retrieved")


async def many_tools(client: Heavy) -> None:
    """128 tools of 1 KiB each, and 100,000 characters of instructions."""
    properties = {f"p{n}": {"type": "string", "description": "x" * 80} for n in range(8)}
    tools = [
        {
            "type": "function",
            "name": f"tool_{n}",
            "description": "d" * 100,
            "parameters": {"type": "object", "properties": properties},
        }
        for n in range(128)
    ]
    session = {"type": "realtime", "tools": tools, "instructions": "Be brief. " * 10_000}
    await client.send("session.update", session=session)
    await client.until("session.updated")
    await client.send("session.update", session={"type": "realtime", "tool_choice": "none"})
    await client.until("session.updated")


async def large_picture(client: Heavy) -> None:
    """A picture of 4 MiB."""
    url = "data:image/png;base64," + base64.b64encode(png(4 * MIB)).decode()
    content = [{"type": "input_image", "image_url": url}]
    item = {"type": "message", "role": "user", "content": content}
    await client.send("conversation.item.create", item=item)
    await client.until("conversation.item.done")


Task = Callable[[Heavy], Coroutine[Any, Any, None]]
TASKS: Sequence[Task] = (
    largest_append,
    detected_file,
    hesitant_speech,
    hesitant_call,
    long_answer,
    long_turn,
    noisy_turn,
    telephone_turn,
    changed_format,
    retrieved_item,
    many_tools,
    large_picture,
)


def hum(ms: int) -> bytes:
    """Sound that is neither silence nor speech."""
    return (b"\x00\x01" + b"\x00\xff") * (len(silence(ms)) // 4)


def png(size: int) -> bytes:
    """A picture of about `size` bytes: one row of noise."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    row = b"\x00" + os.urandom(size)
    head = struct.pack(">IIBBBBB", size, 1, 8, 0, 0, 0, 0)
    packed = zlib.compress(row, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", packed), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


async def ask(url: str, task: Task) -> None:
    """Run one task on a new connection, and close it."""
    async with connect(url, max_size=None, max_queue=None, compression=None, proxy=None) as socket:
        client = Heavy(socket)
        await client.until("session.created")
        await client.configure()
        await task(client)


@dataclass(frozen=True)
class Stall:
    """How long one task delayed other sessions."""

    name: str
    what: str
    longest_ms: float


class Server:
    """A server process that reports how late its event loop was."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self._process = process
        self.url = url

    async def longest_ms(self) -> float:
        """Return the longest delay in ms since the last call."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"?\n")
        return float(await self._process.stdout.readline())


@asynccontextmanager
async def server() -> AsyncIterator[Server]:
    """Run a server for as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.loop_stalls", "--serve"),
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if not key.startswith("REALTIME_")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        while (line := (await process.stdout.readline()).decode()) and not line.startswith("ws://"):
            pass
        yield Server(process, line.strip())
    finally:
        process.terminate()
        await process.wait()


async def measure(server: Server, task: Task) -> Stall:
    """Run one task, and measure the delay."""
    await server.longest_ms()
    await ask(server.url, task)
    return Stall(task.__name__, (task.__doc__ or "").strip(), await server.longest_ms())


def at_once_ms() -> float:
    """Return the ms that this machine takes to parse the largest append at once, as the unit.

    Heavy work is split into steps to avoid such a delay, so no step may take as long.
    """
    event = json.dumps({"audio": base64.b64encode(bytes(15 * MIB)).decode()})
    start = time.perf_counter()
    base64.b64decode(json.loads(event)["audio"], validate=True)
    return (time.perf_counter() - start) * 1000


async def serve() -> None:
    """Run the server; answer every line on standard input with the longest delay."""
    longest_s = 0.0

    def note(lag_s: float) -> None:
        nonlocal longest_s
        longest_s = max(longest_s, lag_s)

    def answer() -> None:
        nonlocal longest_s
        if sys.stdin.readline():
            print(f"{longest_s * 1000:.1f}", flush=True)
            longest_s = 0.0

    settings = load_settings(
        server={"log_level": "error", "host": "127.0.0.1"},
        stt={"provider": "scripted", "options": {"delay_ms": 1}},
        # An answer takes 5 minutes to hear, and nearly no time to make.
        llm={
            "provider": "scripted",
            "options": {"text": SENTENCE * 100, "first_token_ms": 1, "word_ms": 0},
        },
        tts={"provider": "scripted", "options": {"delay_ms": 1}},
        webrtc={"udp_port": 0},
    )
    configure_logging(settings.server)
    listener = bound_socket("127.0.0.1", 0)
    url = f"ws://127.0.0.1:{listener.getsockname()[1]}{settings.server.ws_path}"
    app = create_app(settings)
    product = uvicorn.Server(server_config(app, settings))
    asyncio.get_running_loop().add_reader(sys.stdin, answer)
    async with watching(note, TICK_S), asyncio.TaskGroup() as group:
        group.create_task(product.serve(sockets=[listener]))
        await app.state.lifecycle.started()
        print(url, flush=True)


async def run(tasks: Sequence[Task], rounds: int) -> list[Stall]:
    """Measure everything; of several rounds the best counts."""
    async with server() as running:
        stalls = []
        for task in tasks:
            tries = [await measure(running, task) for _ in range(rounds)]
            stalls.append(min(tries, key=lambda stall: stall.longest_ms))
        return stalls


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often each is tried (default 3)")
    parser.add_argument("--limit", type=float, metavar="MS", help="fail above this many ms")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.serve:
        loop_factory = uvicorn.Config("").get_loop_factory()
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(serve())
        return 0
    stalls = asyncio.run(run(TASKS, arguments.rounds))
    if arguments.json:
        print(json.dumps([asdict(stall) for stall in stalls], indent=2))
    else:
        for stall in stalls:
            print(f"{stall.longest_ms:8.1f} ms  {stall.what}")
    limit = arguments.limit
    return int(limit is not None and any(stall.longest_ms > limit for stall in stalls))


if __name__ == "__main__":
    raise SystemExit(main())
