"""Replies without an end and replies that grow when they are unpacked, at every HTTP client."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from config import TTSConfig
from providers import llm, tts
from providers.http_clients import MAX_REPLY_BYTES, MIB
from tests.providers.model_vendors import OLLAMA, VENDORS, Vendor, answer, failure, text_session
from tests.providers.speaking import failure as voice_failure
from tests.providers.speaking import voice
from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import client, speech

OWN = "tests.providers.own_backends"
FAILED = "conversation.item.input_audio_transcription.failed"
BOMB = gzip.compress(bytes(16 * MIB))
"""16 KiB that become 16 MiB."""

each_vendor = pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)


@dataclass
class Torrent:
    """Answers every request with the same bytes again and again."""

    body: bytes
    kind: str = "text/event-stream"
    encoding: str = ""
    status: int = 200
    pause_s: float = 0
    asked: list[str] = field(default_factory=list)
    """The heads of the requests, in lower case."""
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when somebody who asked has hung up."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serve; yields the origin."""
        server = await asyncio.start_server(self._pour, "127.0.0.1", 0)
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        server.close()

    async def _pour(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            # The server looks at its start whether anybody listens here, and asks nothing.
            writer.close()
            return
        self.asked.append(head.decode().lower())
        encoding = f"Content-Encoding: {self.encoding}\r\n" if self.encoding else ""
        writer.write(
            f"HTTP/1.1 {self.status} X\r\nContent-Type: {self.kind}\r\n{encoding}\r\n".encode()
        )
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(self.body)
                await writer.drain()
                await asyncio.sleep(self.pause_s)
        writer.close()
        self.left.set()


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows with everything that is unpacked."""
    found: list[str] = []
    real = zlib.decompressobj

    def decompressobj(*arguments: Any, **named: Any) -> Any:
        found.append(str(arguments))
        return real(*arguments, **named)

    monkeypatch.setattr(zlib, "decompressobj", decompressobj)
    return found


def refused(message: str, lines: list[str], torrent: Torrent, unpacked: list[str]) -> None:
    """Check what is said of a reply that is compressed, and that nobody has unpacked it."""
    assert "the reply is compressed (gzip). Have the server, or the proxy before it" in message
    assert [line for line in lines if message in line], "the reason is ours: the log may name it"
    assert all("\r\naccept-encoding: identity\r\n" in head for head in torrent.asked)
    assert len(torrent.asked) == 1, "another attempt would end the same way"
    assert unpacked == []


@pytest.mark.parametrize("status", [200, 400])
@each_vendor
async def test_a_model_whose_answer_is_compressed(
    vendor: Vendor, status: int, lines: list[str], unpacked: list[str]
) -> None:
    torrent = Torrent(BOMB, encoding="gzip", status=status)
    async with (
        torrent.running() as origin,
        running(vendor.settings(origin, retries=2)) as server,
        text_session(server) as wire,
    ):
        # Ollama was asked at the start, too.
        torrent.asked.clear()
        refused(failure(await answer(wire))["message"], lines, torrent, unpacked)


async def test_a_named_chat_service_whose_answer_is_compressed(
    lines: list[str], unpacked: list[str]
) -> None:
    torrent = Torrent(BOMB, encoding="gzip")
    group = {"provider": "pipecat.services.groq.llm:GroqLLMService", "api_key": "k", "model": "m"}
    async with torrent.running() as origin:
        settings = scripted_settings(llm={**group, "api_base": f"{origin}/v1"})
        async with running(settings) as server, text_session(server) as wire:
            refused(failure(await answer(wire))["message"], lines, torrent, unpacked)


@pytest.mark.parametrize("provider", ["openai", f"{OWN}:RemoteSTT"])
async def test_a_recogniser_whose_answer_is_compressed(
    provider: str, lines: list[str], unpacked: list[str]
) -> None:
    torrent = Torrent(BOMB, "application/json", "gzip")
    async with torrent.running() as origin:
        group = {"provider": provider, "api_base": f"{origin}/v1", "model": "m"}
        settings = scripted_settings(stt=group, vad={"speculative": False})
        async with running(settings) as server, client(server.url) as wire:
            await wire.update(audio={"input": {"transcription": {"model": "m"}}})
            await wire.append(speech())
            error = (await wire.until(FAILED))["error"]
            await wire.until("response.done")
            refused(error["message"], lines, torrent, unpacked)


async def test_a_voice_whose_audio_is_compressed(lines: list[str], unpacked: list[str]) -> None:
    torrent = Torrent(BOMB, "audio/pcm", "gzip")
    async with torrent.running() as origin:
        group = {"provider": "openai", "api_base": f"{origin}/v1", "model": "m"}
        async with voice(group, text="Hello there.") as wire:
            line = lines[0]
            assert "the voices at 127.0.0.1/v1/audio/voices remain unknown" in line
            assert "compressed (gzip). Have the server" in line
            torrent.asked.clear()
            refused((await voice_failure(wire))["message"], lines, torrent, unpacked)


async def test_a_label_that_is_no_compression_is_no_reason_to_refuse() -> None:
    chunk = b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
    torrent = Torrent(chunk, encoding="utf-8")
    async with torrent.running() as origin:
        settings = VENDORS[0].settings(origin)
        async with running(settings) as server, text_session(server) as wire:
            await wire.say("hi")
            assert (await wire.until("response.output_text.delta"))["delta"] == "a"


@pytest.mark.parametrize(
    "vendor",
    # Ollama is asked by the same client as OpenAI.
    [vendor for vendor in VENDORS if vendor is not OLLAMA],
    ids=lambda vendor: vendor.name,
)
async def test_an_answer_without_an_end(
    vendor: Vendor, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line of megabytes: nobody gives it up for silence, and libraries keep all of it."""
    monkeypatch.setitem(MAX_REPLY_BYTES, "llm", MIB)
    async with Torrent(b"a" * 65536).running() as origin:
        settings = vendor.settings(origin, retries=0)
        async with running(settings) as server, text_session(server) as wire:
            message = failure(await answer(wire))["message"]
    assert "the reply is longer than 1 MiB" in message
    assert [line for line in lines if message in line]


async def test_a_transcript_without_an_end(lines: list[str]) -> None:
    torrent = Torrent(b" " * 65536, "application/json")
    async with torrent.running() as origin:
        group = {"provider": "openai", "api_base": f"{origin}/v1", "model": "m"}
        settings = scripted_settings(stt=group, vad={"speculative": False})
        async with running(settings) as server, client(server.url) as wire:
            await wire.update(audio={"input": {"transcription": {"model": "m"}}})
            await wire.append(speech())
            assert "longer than 1 MiB" in (await wire.until(FAILED))["error"]["message"]
    assert len(torrent.asked) == 1


@pytest.mark.parametrize("status", [400, 500])
async def test_a_refusal_without_an_end(status: int) -> None:
    torrent = Torrent(b"a" * 65536, "text/plain", status=status)
    async with torrent.running() as origin:
        settings = VENDORS[0].settings(origin, retries=0)
        async with running(settings) as server, text_session(server) as wire:
            assert "longer than 4 MiB" in failure(await answer(wire))["message"]
            async with asyncio.timeout(20):
                await torrent.left.wait()


@pytest.mark.parametrize("kind", ["application/json", "audio/pcm"])
async def test_a_list_of_voices_without_an_end_does_not_stop_the_start(
    kind: str, lines: list[str]
) -> None:
    async with Torrent(b" " * 65536, kind).running() as origin:
        provider = tts.load(TTSConfig(provider="openai", api_base=f"{origin}/v1", model="m"))
        await provider.start()
        await provider.close()
    (line,) = lines
    assert "TTS: the voices at 127.0.0.1/v1/audio/voices remain unknown" in line
    assert "longer than 4 MiB. Say what names stand for with tts.options.voices." in line


@pytest.mark.parametrize("body", [b" ", b"["])
async def test_a_list_of_voices_that_trickles_does_not_stop_the_start(
    body: bytes, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.tts.openai_voices.PATIENCE_S", 0.3)
    async with Torrent(body, "application/json", pause_s=0.02).running() as origin:
        provider = tts.load(TTSConfig(provider="openai", api_base=f"{origin}/v1", model="m"))
        async with asyncio.timeout(60):
            await provider.start()
        await provider.close()
    assert lines == []


@pytest.mark.parametrize(
    ("encoding", "reason"),
    [("", "the reply is longer than 4 MiB"), ("gzip", "the reply is compressed (gzip)")],
)
async def test_a_list_of_models_that_is_none_does_not_stop_the_start(
    encoding: str, reason: str, lines: list[str]
) -> None:
    torrent = Torrent(b" " * 65536, "application/json", encoding)
    async with torrent.running() as origin:
        provider = llm.load(OLLAMA.settings(origin).llm)
        await provider.start()
        await provider.close()
    (line,) = lines
    assert f"Ollama at 127.0.0.1: {reason}. " in line
