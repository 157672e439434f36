"""What is kept of a session: events as they were, but for their audio."""

from __future__ import annotations

import asyncio

import pytest

from session.effects import OutputAudio
from testing import journal
from testing.journal import Journal, Wanted
from wire.errors import ProtocolError
from wire.incoming import AppendedAudio
from wire.session_events import BufferCleared

AUDIO = OutputAudio("resp_1", "item_1", 0, 0, b"\1\2\3\4")


async def test_both_sides_are_kept_in_order_without_their_audio() -> None:
    kept = Journal()
    session = kept.begin("sess_1", "gpt-realtime")
    refused = ProtocolError("invalid_event", "what is this?")
    refused.raw = "no JSON"
    session.appended(AppendedAudio(b"\0\0", "event_1"))
    session.came(refused)
    cleared = BufferCleared(event_id="event_2")
    session.sent(cleared, [cleared.wire()])
    session.played(AUDIO)
    assert [(told["from"], told["event"]) for told in kept.events()] == [
        (
            "client",
            {
                "type": "input_audio_buffer.append",
                "event_id": "event_1",
                "audio": {"bytes": 2},
            },
        ),
        ("client", {"type": None, "unreadable": "no JSON"}),
        ("server", {"type": "input_audio_buffer.cleared", "event_id": "event_2"}),
        (
            "server",
            {
                "type": "response.output_audio.delta",
                "response_id": "resp_1",
                "item_id": "item_1",
                "output_index": 0,
                "content_index": 0,
                "delta": {"bytes": 4},
            },
        ),
    ]
    assert (bytes(session.heard), bytes(session.spoken)) == (b"\0\0", b"\1\2\3\4")


def test_long_audio_within_events_is_a_length() -> None:
    event = {"item": {"content": [{"type": "input_audio", "audio": "AAAA"}], "pcm": b"\0" * 9}}
    assert journal.light(event) == {
        "item": {
            "content": [{"type": "input_audio", "audio": {"base64": 4}}],
            "pcm": {"bytes": 9},
        }
    }


async def test_events_are_found_by_session_type_and_sender() -> None:
    kept = Journal()
    one, two = kept.begin("sess_1", "m"), kept.begin("sess_2", "m")
    cleared = BufferCleared()
    for session in (one, two):
        session.appended(AppendedAudio(b"\0\0"))
        session.sent(cleared, [cleared.wire()])
    assert len(kept.events()) == 4
    [told] = kept.events(Wanted("sess_2", sender="client"))
    assert told["session"] == "sess_2" and told["event"]["type"] == "input_audio_buffer.append"
    assert [told["session"] for told in kept.events(Wanted(type="input_audio_buffer.cleared"))] == [
        "sess_1",
        "sess_2",
    ]


async def test_who_waits_is_told_when_something_comes() -> None:
    kept = Journal()
    wanted = Wanted(sender="client")
    waiting = asyncio.create_task(kept.until(wanted, 2, 600))
    await asyncio.sleep(0)
    session = kept.begin("sess_1", "m")
    session.appended(AppendedAudio(b"\0\0"))
    await asyncio.sleep(0)
    assert not waiting.done()
    session.appended(AppendedAudio(b"\0\0"))
    async with asyncio.timeout(60):
        await waiting
        # What is there already is not waited for, and what never comes is not for ever.
        await kept.until(wanted, 2, 600)
        await kept.until(wanted, 3, 0.001)
    assert len(kept.events(wanted)) == 2


async def test_there_is_a_bound_to_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_EVENTS", 2)
    monkeypatch.setattr(journal, "MOST_AUDIO", 5)
    monkeypatch.setattr(journal, "MOST_SESSIONS", 2)
    kept = Journal()
    first = kept.begin("sess_1", "m")
    for _ in range(3):
        first.appended(AppendedAudio(b"1234"))
    assert (len(first.events), first.told()["left_out"], len(first.heard)) == (2, 1, 5)
    second = kept.begin("sess_2", "m")
    second.closed("the client left")
    kept.begin("sess_3", "m")
    # The one that is over goes first.
    assert [one.id for one in kept.sessions()] == ["sess_1", "sess_3"]
    kept.reset()
    assert kept.sessions() == []
