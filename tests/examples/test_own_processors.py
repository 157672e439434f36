"""The examples of processors of one's own, in a server that is configured as the READMEs say."""

from __future__ import annotations

import re
import socket
import sys
import tomllib
from pathlib import Path

import pytest

from tests.examples.programs import EXAMPLES, said, serving
from tests.providers.fakes.chat import FakeChat
from tests.providers.fakes.model_server import Answer
from tests.support.places import ROOT
from tests.support.running_server import serving as serving_fake
from tests.support.wire_client import WireClient, client

FILTER = "examples.profanity_filter:ProfanityFilter"
NOTES = "examples.retrieved_text:RetrievedText"
READMES = ("README.md", "README.zh-CN.md")
WORDS = ["Oh, da", "mn it! What the", " HELL, a ", "shell", " is good."]


def configured(readme: str) -> dict[str, object]:
    """Return the configuration in a README that names the examples."""
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / readme).read_text(encoding="utf-8"), re.S)
    (block,) = (found for found in blocks if "[processors]" in found)
    return tomllib.loads(block)


@pytest.mark.parametrize("readme", READMES)
def test_the_readmes_configure_them(readme: str):
    assert configured(readme) == {"processors": {"before_voice": [FILTER], "before_model": [NOTES]}}
    for name in ("profanity_filter", "retrieved_text"):
        assert f"examples/{name}.py" in (ROOT / readme).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "variable"),
    [("profanity_filter", "BEFORE_VOICE"), ("retrieved_text", "BEFORE_MODEL")],
)
def test_each_says_how_it_is_named_in_a_variable(name: str, variable: str):
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    line = rf"^    REALTIME_PROCESSORS__{variable}=examples\.{name}:\w+ python main\.py$"
    assert re.search(line, text, re.MULTILINE)


async def spoken(wire: WireClient, text: str) -> str:
    await wire.say(text)
    response = (await wire.until("response.done"))["response"]
    return str(response["output"][0]["content"][0]["transcript"])


async def test_no_rude_word_is_read_and_the_model_is_given_the_notes(tmp_path: Path):
    file = tmp_path / "own.toml"
    file.write_text(f'[processors]\nbefore_voice = ["{FILTER}"]\nbefore_model = ["{NOTES}"]\n')
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    fake = FakeChat()
    fake.answer = Answer(WORDS)
    async with serving_fake(fake.app) as model:
        environment = {
            "REALTIME_SERVER__PORT": str(port),
            "REALTIME_STT__PROVIDER": "scripted",
            "REALTIME_TTS__PROVIDER": "scripted",
            "REALTIME_LLM__PROVIDER": "openai",
            "REALTIME_LLM__API_BASE": f"http://127.0.0.1:{model}/v1",
            "REALTIME_LLM__MODEL": "fake",
            "OPENAI_API_KEY": "of-no-use",
        }
        command = (sys.executable, "main.py", "--config", str(file))
        async with serving(*command, **environment) as process:
            assert b"ProfanityFilter (before_voice)" in await said(process, b"Processors")
            async with client(f"ws://127.0.0.1:{port}/v1/realtime") as wire:
                heard = await spoken(wire, "What does a repair cost?")
                assert heard == "Oh, bleep it! What the bleep, a shell is good."
                assert await spoken(wire, "And how are you?") == heard
    first, second = (asked["messages"] for asked in fake.asked)
    assert first[-1]["role"] == "user"
    assert "40 euros" in first[-1]["content"]
    assert first[-1]["content"].endswith("What does a repair cost?")
    assert [message["content"] for message in second[1:]] == [
        "What does a repair cost?",
        heard,
        "And how are you?",
    ]
