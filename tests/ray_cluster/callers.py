"""Who calls: sessions of a gateway, and OpenAI's SDK past it; what becomes of each call is kept."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import httpx2
from openai import APIStatusError, AsyncOpenAI

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE
from tests.providers.engines import HEARD, UNHEARD, commit, listen
from tests.ray_cluster.cluster import KEY, SETTINGS
from tests.support.server_process import server_process
from tests.support.wire_client import WireClient, client

ANSWER = "An answer of fifty letters takes some seconds to say."
_SPOKEN_MS = SETTINGS["tts"]["tts"]["options"]["ms_per_character"]
_CUT = (httpx.TransportError, httpx2.TransportError)


@dataclass
class Outcomes:
    """What became of the calls of a stage."""

    counts: Counter[str] = field(default_factory=Counter)
    whys: Counter[str] = field(default_factory=Counter)

    def note(self, outcome: str, why: str = "") -> None:
        """Keep one."""
        self.counts[outcome] += 1
        if why:
            self.whys[why] += 1

    def __str__(self) -> str:
        counted = ", ".join(f"{count} {outcome}" for outcome, count in self.counts.items())
        told = "".join(f"\n    {count} × {why}" for why, count in self.whys.items())
        return f"{counted}{told}"


@asynccontextmanager
async def gateway(here: str) -> AsyncIterator[str]:
    """Run a gateway; yields where its clients connect.

    Args:
        here: Where the models are; empty: within it.
    """
    variables = {"REALTIME_LLM__PROVIDER": "scripted", "REALTIME_WEBRTC__UDP_PORT": "0"}
    variables["REALTIME_LLM__OPTIONS"] = (
        f'{{"text": "{ANSWER}", "first_token_ms": 1, "word_ms": 0}}'
    )
    for kind in SETTINGS:
        name = f"REALTIME_{kind.upper()}__"
        if here:
            variables[f"{name}PROVIDER"] = "openai"
            variables[f"{name}API_BASE"] = f"{here}/{kind}/v1"
            variables[f"{name}API_KEY"] = KEY
    if not here:
        variables["REALTIME_TTS__OPTIONS"] = str(SETTINGS["tts"]["tts"]["options"]).replace(
            "'", '"'
        )
    async with server_process(**variables) as server:
        yield server.url


@asynccontextmanager
async def session(url: str) -> AsyncIterator[WireClient]:
    """Hold a session of a gateway, whose turns the caller ends."""
    async with client(url) as wire:
        await listen(wire, model="whisper-1")
        yield wire


async def heard(wire: WireClient) -> str | None:
    """Say something; returns what was understood, None: the recogniser failed."""
    await commit(wire)
    while (event := await wire.receive())["type"] not in (HEARD, UNHEARD):
        pass
    return event["transcript"] if event["type"] == HEARD else None


async def answered(wire: WireClient) -> tuple[str, str]:
    """Have an answer spoken; returns its status, and why it failed."""
    await wire.say("hi")
    done = (await wire.until("response.done"))["response"]
    error = (done["status_details"] or {}).get("error") or {}
    return done["status"], error.get("message", "")


async def first_audio_ms(wire: WireClient) -> float:
    """Have an answer spoken; returns how long its first audio took."""
    await wire.say("hi")
    asked = time.monotonic()
    await wire.until("response.output_audio.delta")
    took = 1000 * (time.monotonic() - asked)
    await wire.send("response.cancel")
    await wire.until("response.done")
    return took


async def speak(sdk: AsyncOpenAI, text: str, begun: asyncio.Event | None = None) -> str:
    """Have a text spoken past the gateway; returns what became of it."""
    pcm = b""
    call = sdk.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input=text, response_format="pcm"
    )
    try:
        async with call as answer:
            async for piece in answer.iter_bytes():
                pcm += piece
                if begun is not None:
                    begun.set()
    except APIStatusError as error:
        again = error.response.headers.get("retry-after")
        return f"{error.status_code}" + (f" retry after {again} s" if again else "")
    except _CUT:
        return "cut"
    whole = len(text) * _SPOKEN_MS * WIRE_RATE * BYTES_PER_SAMPLE // 1000
    return "whole" if len(pcm) == whole else f"short: {len(pcm)} of {whole} bytes"


@asynccontextmanager
async def sdk(here: str, retries: int = 0) -> AsyncIterator[AsyncOpenAI]:
    """Yield OpenAI's SDK, for the voices."""
    http = httpx2.AsyncClient(verify=False, trust_env=False, timeout=60)
    base = f"{here}/tts/v1"
    async with AsyncOpenAI(
        api_key=KEY, base_url=base, max_retries=retries, http_client=http
    ) as calling:
        yield calling


@asynccontextmanager
async def going_on(
    url: str, outcomes: Outcomes, heard_so_far: list[str] | None = None
) -> AsyncIterator[None]:
    """Hold a conversation within the block: turns and answers, one after the other."""
    over = asyncio.Event()

    async def talk(step: Callable[[WireClient], Awaitable[None]]) -> None:
        async with session(url) as wire:
            while not over.is_set():
                await step(wire)

    async def turn(wire: WireClient) -> None:
        text = await heard(wire)
        outcomes.note("turns heard" if text else "turns lost")
        if text and heard_so_far is not None:
            heard_so_far.append(text)

    async def answer(wire: WireClient) -> None:
        status, why = await answered(wire)
        outcomes.note(f"answers {status}", why)

    async with asyncio.TaskGroup() as talking:
        talking.create_task(talk(turn))
        talking.create_task(talk(answer))
        try:
            yield
        finally:
            over.set()
