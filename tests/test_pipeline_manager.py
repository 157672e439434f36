"""The README's example of a backend of one's own is a program that runs."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

from tests.examples.programs import refused_python
from tests.support.places import ROOT
from tests.support.wire_client import client, speech


async def test_the_example_answers_a_spoken_turn():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "examples/custom_backend.py",
        cwd=ROOT,
        env={**os.environ, "REALTIME_SERVER__PORT": str(port), "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            banner = ""
            while "  TTS  " not in banner:
                banner += (await process.stdout.readline()).decode()
            # The banner is printed just before the socket listens.
            while True:
                try:
                    _reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                except ConnectionRefusedError:
                    await asyncio.sleep(0.05)
        assert "parrot" in banner
        async with client(f"ws://127.0.0.1:{port}/v1/realtime") as wire:
            await wire.append(speech())
            done = (await wire.until("response.done"))["response"]
            said = done["output"][0]["content"][0]["transcript"]
            assert said.startswith("You said: ")
            assert said.endswith("seconds of speech")
            # Five or six words, a beep of 200 ms each.
            assert done["usage"]["output_token_details"]["audio_tokens"] >= 20
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def test_a_bad_setting_is_one_sentence_of_the_example(tmp_path):
    why = await refused_python(
        "custom_backend", folder=tmp_path, environment={"REALTIME_SERVER__PORT": "abc"}
    )
    assert "Look at REALTIME_SERVER__PORT" in why


def test_the_readme_names_the_example():
    for readme in ("README.md", "README.zh-CN.md"):
        assert "examples/custom_backend.py" in (ROOT / readme).read_text(encoding="utf-8")
