"""Several stacks on one server: which one a session gets, and who is told of all (§D.7)."""

from __future__ import annotations

import asyncio
from typing import Any

from config import Settings, load_settings
from tests.support.counts import counted
from tests.support.running_server import SCRIPTED, running
from tests.support.wire_client import WireClient, client


def two_stacks(**groups: Any) -> Settings:
    """A default stack, and `brief`, which differs in the model alone; both say what they are."""
    default = {"provider": "scripted", "options": {"text": "the default answers"}}
    brief = {"options": {"text": "brief answers"}}
    return load_settings(
        **{**SCRIPTED, "llm": default, "stacks": {"brief": {"llm": brief}}, **groups}
    )


async def answer(wire: WireClient) -> str:
    """Say something, and return the words of the answer."""
    await wire.say("Who answers?")
    await wire.until("response.done")
    return str(wire.of("response.output_audio_transcript.done")[-1]["transcript"])


async def test_two_stacks_answer_two_sessions_at_once() -> None:
    async with running(two_stacks()) as server:
        base = server.url.partition("?")[0]
        async with client(f"{base}?model=brief") as brief, client(server.url) as usual:
            assert brief.events[0]["session"]["model"] == "brief"
            assert usual.events[0]["session"]["model"] == "gpt-realtime"
            said = await asyncio.gather(answer(brief), answer(usual))
            samples = await counted(server)
    assert [*said] == ["brief answers", "the default answers"]
    for stack in ("brief", "default"):
        assert samples[f'realtime_sessions_active{{stack="{stack}"}}'] == 1
        assert samples[f'realtime_responses_total{{outcome="completed",stack="{stack}"}}'] == 1
