"""§B.2: a text message, answered aloud."""

from __future__ import annotations

import base64

from session.ports import TokenUsage
from tests.conformance.sequences import PLACE, ZERO, driver, response
from tests.support.session_driver import pcm


def test_a_text_message_answered_aloud() -> None:
    d = driver()
    events = d.say("Say exactly: live hello")
    events += d.send("response.create")
    events += d.text("Live ")
    events += d.text("hello.")
    events += d.audio(400)
    events += d.audio(800)
    events += d.finish(usage=TokenUsage(12, 11))

    user = {
        "id": "item_1",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_text", "text": "Say exactly: live hello"}],
    }
    opened = {
        "id": "item_2",
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }
    whole = {
        **opened,
        "status": "completed",
        "content": [{"type": "output_audio", "transcript": "Live hello."}],
    }
    in_response = {"response_id": "resp_1", "output_index": 0}
    usage = {
        "total_tokens": 47,
        "input_tokens": 12,
        "output_tokens": 35,
        "input_token_details": {**ZERO["input_token_details"], "text_tokens": 12},
        "output_token_details": {"text_tokens": 11, "audio_tokens": 24},
    }
    named = d.named(events)
    assert named[:-1] == [
        {"type": "conversation.item.added", "previous_item_id": None, "item": user},
        {"type": "conversation.item.done", "previous_item_id": None, "item": user},
        {"type": "response.created", "response": response("in_progress")},
        {"type": "response.output_item.added", **in_response, "item": opened},
        {"type": "conversation.item.added", "previous_item_id": "item_1", "item": opened},
        {
            "type": "response.content_part.added",
            **PLACE,
            "part": {"type": "audio", "transcript": ""},
        },
        {"type": "response.output_audio_transcript.delta", **PLACE, "delta": "Live "},
        {"type": "response.output_audio_transcript.delta", **PLACE, "delta": "hello."},
        {
            "type": "response.output_audio.delta",
            **PLACE,
            "delta": base64.b64encode(pcm(400)).decode(),
        },
        {
            "type": "response.output_audio.delta",
            **PLACE,
            "delta": base64.b64encode(pcm(800)).decode(),
        },
        {"type": "response.output_audio.done", **PLACE},
        {"type": "response.output_audio_transcript.done", **PLACE, "transcript": "Live hello."},
        {
            "type": "response.content_part.done",
            **PLACE,
            "part": {"type": "audio", "transcript": "Live hello."},
        },
        {"type": "conversation.item.done", "previous_item_id": "item_1", "item": whole},
        {"type": "response.output_item.done", **in_response, "item": whole},
        {
            "type": "response.done",
            "response": response("completed", output=[whole], usage=usage),
        },
    ]
    assert named[-1]["type"] == "rate_limits.updated"
