"""What the notes in `examples/` say is so, and their table is complete."""

from __future__ import annotations

import json
import re

import pytest

from tests.examples.programs import EXAMPLES
from tests.foreign_clients.installed import PYTHON
from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import client

ESP32 = (EXAMPLES / "esp32.md").read_text(encoding="utf-8")
LARGEST = {
    name: float(size) * 1000
    for name, size in re.findall(r"^\| `audio/(\w+)`.*\| ([\d.]+) KB \|$", ESP32, re.MULTILINE)
}


def test_every_example_is_listed():
    listed = set(re.findall(r"^\| \[`(\w+)", (EXAMPLES / "README.md").read_text(), re.MULTILINE))
    there = {path.stem for path in EXAMPLES.iterdir() if not path.name.startswith(("_", "."))}
    assert listed == there - {"README"}


@pytest.mark.parametrize("name", ["pcm", "pcmu"])
async def test_a_microcontrollers_session_is_taken_and_its_buffers_suffice(name: str):
    update = json.loads(ESP32.partition("```json\n")[2].partition("```")[0])
    if name == "pcmu":
        for way in ("input", "output"):
            update["session"]["audio"][way]["format"] = {"type": "audio/pcmu"}
    settings = scripted_settings(llm={"text": "A long answer. " * 40})
    async with running(settings) as server, client(server.url) as wire:
        await wire.update(**update["session"])
        await wire.say("Hello")
        await wire.until("response.done")
        audio = wire.of("response.output_audio.delta")
    # A delta of the greatest length that docs/wire.md allows (E), with all that is around it.
    around = max(len(json.dumps(event)) - len(event["delta"]) for event in audio)
    longest = {"pcm": 400 * 32, "pcmu": 440 * 8}[name]
    assert longest * 4 / 3 + around <= LARGEST[name] < longest * 2


def test_the_bridge_for_home_assistant_is_the_version_that_is_tested():
    pinned = (PYTHON / "wyoming-openai.txt").read_text().strip()
    assert pinned in (EXAMPLES / "home_assistant.md").read_text(encoding="utf-8")
