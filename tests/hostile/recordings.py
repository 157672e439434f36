"""What well-behaved clients send, written down while a server answers them."""

from __future__ import annotations

import base64

from tests.hostile.messages import SERVER_VAD, Message
from tests.support.wire_client import WireClient, client, speech

STEP = 9600
"""200 ms of 24 kHz PCM."""
PICTURE = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode()
TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather somewhere.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


async def record(url: str) -> list[Message]:
    """Hold a few conversations with the server; return all that was sent."""
    sent: list[Message] = []
    for conversation in (_spoken, _written, _manual):
        async with client(url) as wire:
            await conversation(wire)
            sent += wire.sent
    return sent


async def _spoken(wire: WireClient) -> None:
    await wire.update(
        instructions="Be brief.",
        audio={
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": {"model": "whisper-1", "language": "en", "prompt": "Bo"},
                "noise_reduction": {"type": "near_field"},
                "turn_detection": SERVER_VAD,
            },
            "output": {"voice": "alloy", "speed": 1.0, "format": {"type": "audio/pcmu"}},
        },
    )
    await wire.append(speech(), STEP)
    done = await wire.until("response.done")
    item_id = done["response"]["output"][0]["id"]
    await wire.send(
        "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100
    )
    await wire.until("conversation.item.truncated")
    await wire.send("conversation.item.retrieve", item_id=item_id)
    await wire.until("conversation.item.retrieved")
    await wire.send("conversation.item.delete", item_id=item_id)
    await wire.until("conversation.item.deleted")


async def _written(wire: WireClient) -> None:
    await wire.update(
        output_modalities=["text"],
        tools=[TOOL],
        tool_choice="auto",
        max_output_tokens=200,
        truncation={"type": "retention_ratio", "retention_ratio": 0.8},
        tracing={"workflow_name": "w", "group_id": "g", "metadata": {"a": "b"}},
    )
    call = {"type": "function_call", "name": "get_weather", "call_id": "call_1", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "call_1", "output": '{"sun": true}'}
    for item in (
        call,
        result,
        _message("system", {"type": "input_text", "text": "Be kind."}),
        _message("assistant", {"type": "output_text", "text": "Hello."}),
        _message("user", {"type": "input_image", "image_url": PICTURE, "detail": "auto"}),
        _message("user", {"type": "input_text", "text": "hi"}),
        _message("user", {"type": "input_audio", "audio": "AAAA" * 400, "transcript": "hm"}),
    ):
        await wire.send(
            "conversation.item.create", event_id="mine", previous_item_id=None, item=item
        )
    await wire.send("response.create", response={"metadata": {"mine": "1"}, "tool_choice": "none"})
    await wire.until("response.done")
    await wire.send(
        "response.create",
        response={
            "conversation": "none",
            "output_modalities": ["text"],
            "instructions": "Sum up.",
            "input": [
                _message("user", {"type": "input_text", "text": "What was said?"}),
                {"type": "item_reference", "id": "nobody"},
            ],
        },
    )
    await wire.until("error")


async def _manual(wire: WireClient) -> None:
    await wire.update(audio={"input": {"turn_detection": None}})
    await wire.append(speech()[: 48 * 1000], STEP)
    await wire.send("input_audio_buffer.commit")
    await wire.send("response.create", event_id="now")
    await wire.until("response.created")
    await wire.send("response.cancel")
    await wire.until("response.done")
    await wire.append(bytes(960))
    await wire.send("input_audio_buffer.clear")
    await wire.until("input_audio_buffer.cleared")


def _message(role: str, part: Message) -> Message:
    return {"type": "message", "role": role, "content": [part]}
