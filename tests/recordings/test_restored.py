"""What a recording keeps once is in every event again that had it."""

from __future__ import annotations

import base64
from pathlib import Path

from recordings.restored import Restored
from tests.support.recorded_side import laid, written


def test_an_item_has_the_audio_that_was_played() -> None:
    recording = laid("openai-agents-barge-in")
    restored = Restored(recording, 0)
    retrieved = [one for one in recording.of("server") if one.type == "conversation.item.retrieved"]
    assert retrieved
    for message in retrieved:
        item = restored.event(message)["item"]
        [part] = item["content"]
        audio = base64.b64decode(part["audio"])
        played = b"".join(
            one.audio
            for one in recording.of("server")
            if one.carries_audio and (one.event or {})["item_id"] == item["id"]
        )
        assert audio
        assert played.startswith(audio)
        recorded = (message.event or {})["item"]["content"][0]
        assert recorded["audio"] == {"left_out": len(audio)}
        # Of an answer that was interrupted there is as much as the client has heard.
        recorded["audio"] = {"left_out": 100}
        [part] = restored.event(message)["item"]["content"]
        assert base64.b64decode(part["audio"]) == played[:100]


def test_an_item_has_what_the_client_gave_and_silence_where_nobody_knows(tmp_path: Path) -> None:
    given = base64.b64encode(b"\x01\x02" * 50).decode()
    image = "data:image/png;base64,AAAA"
    made = [{"type": "input_audio", "audio": given}, {"type": "input_image", "image_url": image}]
    left_out = [
        {"type": "input_audio", "audio": {"left_out": 100}},
        {"type": "input_image", "image_url": {"left_out": len(image)}},
        {"type": "input_audio", "audio": {"left_out": 7}},
        {"type": "input_image", "image_url": {"left_out": 7}},
    ]
    rows = [
        {
            "t": 1,
            "from": "client",
            "event": {"type": "conversation.item.create", "item": {"content": made}},
        },
        {
            "t": 2,
            "from": "server",
            "event": {"type": "conversation.item.added", "item": {"id": "a", "content": left_out}},
        },
    ]
    recording = written(tmp_path / "a.jsonl", rows)
    event = Restored(recording, 0).event(recording.of("server")[0])
    assert event["item"]["content"] == [
        {"type": "input_audio", "audio": given},
        {"type": "input_image", "image_url": image},
        {"type": "input_audio", "audio": base64.b64encode(bytes(7)).decode()},
        {"type": "input_image"},
    ]


def test_every_event_has_an_id_and_sessions_end_later_than_now() -> None:
    recording = laid()
    restored = Restored(recording, now=2_000_000_000)
    events = [restored.event(message) for message in recording.of("server")]
    ids = [event["event_id"] for event in events]
    assert len({*ids}) == len(ids)
    assert events[0]["type"] == "session.created"
    assert 2_000_000_000 < events[0]["session"]["expires_at"] <= 2_000_003_601
