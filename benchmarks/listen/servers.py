"""The two servers that are listened to, of any checkout."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from benchmarks.local_server import ROOT, LocalServer, server_of_tree

SERVER_SIDE = Path(__file__).resolve().parent / "server_side"
FAST = {"LIMITS__APPEND_SPEED": "1000", "LIMITS__APPEND_BURST_S": "100000"}
"""Audio may come as fast as it is heard."""
TOLD = {
    "STT__PROVIDER": "prompted_stt:PromptedSTT",
    "LLM__PROVIDER": "told_llm:ToldLLM",
    "TTS__PROVIDER": "word_tts:WordTTS",
}
LIFELIKE = {
    "STT__PROVIDER": "embedded",
    "STT__LANGUAGE": "en",
    "LLM__PROVIDER": "told_llm:ToldLLM",
    "TTS__PROVIDER": "embedded",
}

T = TypeVar("T")


@contextmanager
def told_server(tree: Path = ROOT) -> Iterator[LocalServer]:
    """Run a server that knows all words, and whose voice speaks word by word."""
    with _server(tree, TOLD) as server:
        yield server


@contextmanager
def lifelike_server(tree: Path = ROOT) -> Iterator[LocalServer]:
    """Run a server with the recogniser and the voices of the embedded stack."""
    with _server(tree, LIFELIKE) as server:
        yield server


@contextmanager
def _server(tree: Path, stack: dict[str, str]) -> Iterator[LocalServer]:
    options = {f"{kind}__OPTIONS": json.dumps({}) for kind in ("STT", "LLM", "TTS")}
    with server_of_tree(tree, SERVER_SIDE, {**FAST, **options, **stack}) as server:
        yield server


def at_once(jobs: Sequence[Callable[[], Awaitable[T]]], sessions: int) -> list[T]:
    """Run jobs, so many at a time; return their results in order."""

    async def all_of_them() -> list[T]:
        free = asyncio.Semaphore(sessions)

        async def run(job: Callable[[], Awaitable[T]]) -> T:
            async with free:
                return await job()

        return list(await asyncio.gather(*(run(job) for job in jobs)))

    return asyncio.run(all_of_them())
