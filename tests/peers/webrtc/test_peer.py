"""A call as a session's peer, with aiortc's own connection for a client."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import cast

import pytest

from audio.pcm import silence
from config import LimitsConfig
from peers.base import AppendedAudio, PeerGone
from peers.webrtc.link import Listener, RtcLink
from peers.webrtc.peer import WebRTCPeer
from session.effects import OutputAudio
from session.ports import CloseReason
from session.reports import PlaybackDrained, PlaybackStarted
from tests.support.clips import FIRST
from tests.support.media_caller import Call, MediaCaller, call, loudness, open_port
from wire.client_events import CreateResponse, SessionEvent
from wire.dialect import GADialect
from wire.envelope import error_event
from wire.errors import ProtocolError
from wire.session_events import ItemRetrieved

SECOND = 48000
"""Bytes of 24 kHz PCM."""


def answer(pcm: bytes, item_id: str = "item_1", response_id: str = "resp_1") -> OutputAudio:
    return OutputAudio(response_id, item_id, 0, 0, pcm)


def note(text: str) -> ProtocolError:
    return ProtocolError(None, text)


def messages(caller: MediaCaller) -> list[str]:
    return [json.loads(event)["error"]["message"] for event in caller.events]


def retrieved(audio: bytes) -> ItemRetrieved:
    part = {"type": "input_audio", "transcript": "words", "audio": audio}
    return ItemRetrieved({"id": "item_1", "type": "message", "content": [part]})


async def test_audio_passes_both_ways() -> None:
    async with open_port() as port, call(port) as one:
        one.caller.voice.say(FIRST)
        one.peer.play(answer(FIRST))
        await one.until(lambda: len(one.heard) > len(FIRST) and len(one.caller.heard) > SECOND)
        await one.until(lambda: len(one.reports) == 2)
    # aiortc makes stereo of mono at 0.7 of its loudness.
    assert loudness(one.heard[: len(FIRST)]) > 0.5 * loudness(FIRST)
    assert loudness(one.caller.heard) > 0.3 * loudness(FIRST)
    assert one.reports == [PlaybackStarted("resp_1"), PlaybackDrained("resp_1")]


async def test_events_pass_both_ways_in_order() -> None:
    async with open_port() as port, call(port) as one:
        for number in range(50):
            one.peer.send(error_event(note(str(number))))
            await one.caller.send('{"type": "response.create"}')
        await one.until(lambda: len(one.caller.events) == 50 and len(one.events) == 50)
        assert messages(one.caller) == [str(number) for number in range(50)]
        assert all(isinstance(event, SessionEvent) for event in one.events)


class StillLink:
    """A link by which nothing comes but what a test gives its listener."""

    def __init__(self) -> None:
        self.peer = WebRTCPeer(cast(RtcLink, self), GADialect(), LimitsConfig())

    def attach(self, listener: Listener) -> None:
        """Keep nobody: the peer is known."""


async def test_audio_on_which_nothing_depends_waits_for_what_comes_next() -> None:
    peer = StillLink().peer
    incoming = peer.incoming(lambda length: length < 100)

    async def following() -> object:
        came = await anext(incoming)
        return came.audio if isinstance(came, AppendedAudio) else type(came)

    asked = asyncio.ensure_future(following())
    peer.heard(bytes(60))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not asked.done()
    peer.heard(bytes(60))
    assert await asked == bytes(120)
    peer.heard(bytes(10))
    peer.received('{"type": "response.create"}')
    peer.heard(bytes(20))
    assert [await following(), await following()] == [bytes(10), CreateResponse]
    peer.ended()
    assert await following() == bytes(20)
    with pytest.raises(StopAsyncIteration):
        await anext(incoming)


async def test_what_is_no_event_is_an_error_for_the_client() -> None:
    async with open_port() as port, call(port) as one:
        await one.caller.send("nonsense")
        await one.until(lambda: one.events)
        assert isinstance(one.events[0], ProtocolError)


async def test_a_large_event_passes_in_one_piece() -> None:
    async with open_port() as port, call(port) as one:
        picture = b"\x89PNG\r\n\x1a\n" + bytes(150_000)
        image = "data:image/png;base64," + base64.b64encode(picture).decode()
        part = {"type": "input_image", "image_url": image}
        item = {"type": "message", "role": "user", "content": [part]}
        await one.caller.send(json.dumps({"type": "conversation.item.create", "item": item}))
        one.peer.send(retrieved(bytes(180_000)))
        await one.until(lambda: one.events and one.caller.events)
        (event,) = one.caller.events
        assert json.loads(event)["item"]["content"][0]["audio"] == "AAAA" * 60_000
        assert isinstance(one.events[0], SessionEvent)


async def test_audio_that_the_channel_cannot_take_is_left_out() -> None:
    async with open_port() as port, call(port) as one:
        one.peer.send(retrieved(bytes(200_000)))
        one.peer.send(error_event(note("after")))
        await one.until(lambda: len(one.caller.events) == 2)
        (part,) = json.loads(one.caller.events[0])["item"]["content"]
        assert part == {"type": "input_audio", "transcript": "words"}
        assert messages_of(one.caller.events[1]) == "after"


def messages_of(event: str | bytes) -> str:
    message: str = json.loads(event)["error"]["message"]
    return message


async def test_an_event_that_no_channel_takes_becomes_an_error() -> None:
    async with open_port() as port, call(port) as one:
        long = {"type": "message", "content": [{"type": "input_text", "text": "é" * 140_000}]}
        one.peer.send(ItemRetrieved({"id": "item_1", **long}))
        await one.until(lambda: one.caller.events)
        (event,) = one.caller.events
        assert json.loads(event)["error"]["code"] == "event_too_large"


async def test_a_barge_in_stops_what_plays_and_knows_how_far_it_came() -> None:
    async with open_port() as port, call(port) as one:
        one.peer.play(answer(FIRST))
        one.peer.play(answer(silence(3000), "item_2"))
        await one.until(lambda: PlaybackStarted("resp_1") in one.reports)
        await one.until(lambda: one.peer.played()["item_1"] >= 100)
        played = one.peer.played()
        assert played["item_1"] % 20 == 0
        assert played["item_2"] == 0
        one.peer.silence()
        assert one.peer.played() == {}
        one.peer.play(answer(silence(40), "item_3", "resp_2"))
        await one.until(lambda: PlaybackDrained("resp_2") in one.reports)
        assert PlaybackDrained("resp_1") not in one.reports


async def test_a_minute_of_audio_is_all_there_is_room_for() -> None:
    async with open_port() as port, call(port) as one:
        one.peer.play(answer(silence(60_100)))
        assert not one.peer.has_room
        async with asyncio.timeout(20):
            await one.peer.room()
        assert one.peer.has_room
        one.peer.play(answer(silence(1000)))
        assert not one.peer.has_room
        one.peer.silence()
        assert one.peer.has_room


async def test_reports_that_nobody_wanted_yet_are_kept() -> None:
    caller = MediaCaller()
    async with open_port() as port:
        link, sdp = await port.answer(await caller.offer())
        one = Call(caller, link, sdp)
        await caller.take(sdp)
        await one.peer.connected()
        one.peer.play(answer(silence(40)))
        # Its first frame leaves, and is reported, in this turn of the event loop.
        await asyncio.sleep(0)
        one.serve()
        await one.until(lambda: len(one.reports) == 2)
        await one.stop()
        await caller.close()


async def test_the_client_leaves() -> None:
    async with open_port() as port, call(port) as one:
        await one.caller.close()
        await one.until(one.ended.is_set)
        assert one.peer.left is None
        with pytest.raises(PeerGone):
            await one.peer.send_at_once(error_event(note("too late")))


async def test_a_closed_channel_ends_the_call() -> None:
    async with open_port() as port, call(port) as one:
        async with asyncio.timeout(20):
            await one.caller.open.wait()
        assert one.caller.channel is not None
        one.caller.channel.close()
        await one.until(one.ended.is_set)
        assert one.peer.left is None


async def test_the_last_events_arrive_before_the_call_is_closed() -> None:
    async with open_port() as port, call(port) as one:
        for number in range(200):
            one.peer.send(error_event(note(f"{number} " + "x" * 2000)))
        one.peer.finish()
        delivering = one._tasks[1]
        async with asyncio.timeout(20):
            await delivering
        await one.peer.send_at_once(error_event(note("last")))
        await one.link.all_arrived()
        await one.peer.close(CloseReason.EXPIRED)
        await one.until(one.caller.closed.is_set)
        assert len(one.caller.events) == 201
        assert messages(one.caller)[-1] == "last"
        assert one.ended.is_set()


async def test_a_call_without_a_channel_listens_and_speaks() -> None:
    async with open_port() as port, call(port, MediaCaller(channel=False)) as one:
        one.peer.send(error_event(note("to nobody")))
        one.caller.voice.say(FIRST)
        one.peer.play(answer(FIRST))
        await one.until(lambda: len(one.heard) > SECOND and len(one.caller.heard) > SECOND)
        assert loudness(one.heard) > 0
        await one.caller.close()
        await one.until(one.ended.is_set)


@pytest.mark.parametrize("audio", [None, "recvonly"])
async def test_a_call_that_does_not_speak(audio: str | None) -> None:
    async with open_port() as port, call(port, MediaCaller(audio=audio)) as one:
        one.peer.play(answer(silence(60)))
        await one.caller.send('{"type": "response.create"}')
        await one.until(lambda: len(one.reports) == 2 and one.events)
        assert one.heard == b""


async def test_figures_of_a_call() -> None:
    async with open_port() as port, call(port) as one:
        await one.until(lambda: one.peer.stats.round_trip_ms is not None)
        stats = one.peer.stats
        assert stats.round_trip_ms is not None
        assert 0 <= stats.round_trip_ms < 1000
        assert (stats.loss, stats.concealed_ms) == (0, 0)
        assert stats.heard_ms == pytest.approx(len(one.heard) / 48, abs=100)
