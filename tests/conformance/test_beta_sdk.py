"""The official SDK's beta client over a real socket (§B.16)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from openai import AsyncOpenAI

from tests.conformance.beta_wire import check_beta_event
from tests.support.running_server import running
from tests.support.wire_client import PATIENCE_S


async def test_the_sdks_beta_client_has_a_conversation():
    async with running() as server:
        # Unlike the current one, the beta client makes `wss` of any `base_url`.
        base = f"ws://127.0.0.1:{server.port}/v1"
        sdk = AsyncOpenAI(api_key="none", base_url=f"{server.http}/v1", websocket_base_url=base)
        async with sdk.beta.realtime.connect(model="gpt-realtime") as connection:
            await connection.session.update(
                session={"modalities": ["text", "audio"], "temperature": 0.7}
            )
            content: Any = [{"type": "input_text", "text": "hi"}]
            await connection.conversation.item.create(
                item={"type": "message", "role": "user", "content": content}
            )
            await connection.response.create(response={"temperature": 0.9})
            events: list[Any] = []
            async with asyncio.timeout(PATIENCE_S):
                while not events or events[-1].type != "response.done":
                    frame = await connection.recv_bytes()
                    check_beta_event(json.loads(frame))
                    events.append(connection.parse_event(frame))
        await sdk.close()
    kinds = [event.type for event in events]
    assert kinds[:6] == [
        "session.created",
        "session.updated",
        "conversation.item.created",
        "response.created",
        "rate_limits.updated",
        "response.output_item.added",
    ]
    assert {"response.audio.delta", "response.audio_transcript.delta"} <= set(kinds)
    assert events[1].session.modalities == ["text", "audio"]
    assert events[1].session.temperature == 0.7
    done = events[-1].response
    assert (done.status, done.temperature) == ("completed", 0.9)
    spoken = done.output[0].content[0]
    assert spoken.type == "audio" and spoken.transcript
