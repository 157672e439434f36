"""§A.1: turn detection switched off and on while the user speaks: no audio is lost, ids stay."""

from __future__ import annotations

import asyncio
import base64
import os
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from audio.formats import AudioFormat, convert
from audio.pcm import silence
from flow.steps import at_once
from tests.support.clips import FIRST, PAUSE_MS, SECOND
from tests.support.running_server import running
from tests.support.session_driver import of
from tests.support.spoken_driver import COMMITTED, STARTED, STOPPED, Call
from tests.support.wire_client import WireClient, client

EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
"""As in `test_transport.py`."""
OFF = None
ON: dict[str, Any] = {"type": "server_vad"}
STRICT: dict[str, Any] = {"type": "server_vad", "threshold": 0.8}
SEMANTIC: dict[str, Any] = {"type": "semantic_vad"}

ops = st.one_of(
    st.tuples(st.sampled_from(["say", "hush"]), st.integers(1, 400)),
    st.tuples(st.sampled_from(["say", "hush"]), st.sampled_from([32, 160, 320, 640])),
    st.tuples(st.just("switch"), st.sampled_from([OFF, OFF, ON, ON, STRICT, SEMANTIC])),
    st.tuples(st.just("across"), st.integers(1, 200), st.sampled_from([OFF, ON])),
    st.tuples(
        st.just("at_a_pause"),
        st.sampled_from([100, 160, 250]),
        st.sampled_from([OFF, ON, STRICT, SEMANTIC]),
    ),
    st.just(("commit",)),
    st.just(("clear",)),
)


async def play(happenings: list[tuple[Any, ...]]) -> Call:
    """Let things happen in one session, and then let the detector end what is open."""
    call = Call()
    while not call.events:
        await call.pause()
    for name, *arguments in happenings:
        await getattr(call, name)(*arguments)
    await call.switch(ON)
    await call.hush(2000)
    assert call.open is None, "a turn that does not end"
    await call.check()
    call.peer.leave()
    assert await call.running == "the client left"
    return call


def test_no_audio_is_lost_or_doubled_and_an_announced_id_is_used_once() -> None:
    reached: set[str] = set()

    @given(st.lists(ops, min_size=5, max_size=25))
    @settings(
        deadline=None,
        derandomize=not EXAMPLES,
        max_examples=EXAMPLES or 150,
        phases=[Phase.generate, Phase.shrink],
    )
    def run(happenings: list[tuple[Any, ...]]) -> None:
        call = asyncio.run(play(happenings))
        reached.update(event["type"] for event in call.events)
        stopped = {event["item_id"] for event in of(call.events, STOPPED)}
        if call.starts.keys() & call.ends.keys() - stopped:
            reached.add("an announced turn that the client commits")
        if call.ends.keys() - call.starts.keys():
            reached.add("a manual turn")
        if call.starts.keys() - call.ends.keys():
            reached.add("an announced turn that is cleared")

    run()
    assert reached >= {
        STARTED,
        STOPPED,
        COMMITTED,
        "an announced turn that the client commits",
        "an announced turn that is cleared",
        "a manual turn",
    }


async def told(spoken: list[tuple[str, int]], switch_at: int) -> list[tuple[Any, ...]]:
    """What a client is told of its turns, whose turns are detected from a point on."""
    call = await play([*spoken[:switch_at], ("switch", ON), *spoken[switch_at:]])
    names: dict[str, int] = {}
    heard = []
    for event in call.events:
        if event["type"] in (STARTED, STOPPED, COMMITTED):
            place = event.get("audio_start_ms", event.get("audio_end_ms"))
            name = names.setdefault(event["item_id"], len(names))
            heard.append((event["type"], place, name))
    return heard


@given(
    st.lists(
        st.tuples(st.sampled_from(["say", "hush"]), st.sampled_from([33, 200, 350, 700])),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 8),
)
@settings(deadline=None, derandomize=True, max_examples=40)
def test_what_was_appended_before_is_heard_as_if_turns_had_been_detected_all_along(
    spoken: list[tuple[str, int]], switch_at: int
) -> None:
    assert asyncio.run(told(spoken, switch_at)) == asyncio.run(told(spoken, 0))


async def test_words_of_a_manual_turn_interrupt_the_response_when_turns_are_detected() -> None:
    call = Call()
    while not call.events:
        await call.pause()
    await call.say(400)
    await call.client("response.create")
    assert of(call.events, "response.done") == []
    await call.switch(ON)
    (done,) = of(call.events, "response.done")
    assert done["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    call.peer.leave()
    await call.running


# --- over the wire, with Silero ---


def detection(value: dict[str, Any] | None, **changed: Any) -> dict[str, Any]:
    quiet = value and {**value, "create_response": False}
    return {"audio": {"input": {"turn_detection": quiet, **changed}}}


CLIP = FIRST + silence(PAUSE_MS) + SECOND + silence(1200)
CUT = 1500 * 48
"""In the middle of the first words."""


async def turns(wire: WireClient) -> list[tuple[int, int]]:
    """The offsets of every detected turn."""
    await wire.settled()
    return [
        (started["audio_start_ms"], stopped["audio_end_ms"])
        for started, stopped in zip(wire.of(STARTED), wire.of(STOPPED), strict=True)
    ]


async def audio_of(wire: WireClient, item_id: str) -> bytes:
    await wire.send("conversation.item.retrieve", item_id=item_id)
    item = (await wire.until("conversation.item.retrieved"))["item"]
    return base64.b64decode(item["content"][0]["audio"])


async def test_a_turn_goes_on_when_detection_is_switched_off_and_is_the_client_s_to_commit():
    async with running() as server, client(server.url) as wire:
        await wire.update(**detection(ON))
        await wire.append(CLIP[:CUT])
        started = await wire.until(STARTED)
        await wire.update(**detection(OFF))
        await wire.append(CLIP[CUT:])
        await wire.send("input_audio_buffer.commit")
        assert (await wire.until(COMMITTED))["item_id"] == started["item_id"]
        assert wire.of(STOPPED) == []
        whole = await audio_of(wire, started["item_id"])
        assert whole == CLIP[started["audio_start_ms"] * 48 :]


async def test_a_turn_begun_before_detection_is_switched_on_is_detected_from_its_onset():
    async with running() as server, client(server.url) as wire:
        await wire.update(**detection(ON))
        await wire.append(CLIP)
        expected = await turns(wire)
        assert len(expected) == 1
    for cut in (CUT, len(CLIP)):
        async with running() as server, client(server.url) as wire:
            await wire.update(**detection(OFF))
            await wire.append(CLIP[:cut])
            await wire.update(**detection(ON))
            await wire.append(CLIP[cut:])
            assert await turns(wire) == expected
            ((start, end),) = expected
            item_id = wire.of(COMMITTED)[0]["item_id"]
            assert await audio_of(wire, item_id) == CLIP[start * 48 : end * 48]


@pytest.mark.parametrize(("before", "after"), [(ON, SEMANTIC), (SEMANTIC, ON), (ON, STRICT)])
async def test_another_detector_in_the_middle_of_speech_keeps_the_turn(before, after):
    async with running() as server, client(server.url) as wire:
        await wire.update(**detection(before))
        await wire.append(CLIP[:CUT])
        started = await wire.until(STARTED)
        await wire.update(**detection(after))
        # A judgement that comes late makes the turn end later.
        sent = CLIP + silence(4000)
        await wire.append(sent[CUT:])
        stopped = await wire.until(STOPPED)
        assert (await wire.until(COMMITTED))["item_id"] == started["item_id"]
        assert stopped["item_id"] == started["item_id"]
        whole = await audio_of(wire, started["item_id"])
        assert whole == sent[started["audio_start_ms"] * 48 : stopped["audio_end_ms"] * 48]


PCMU = AudioFormat("audio/pcmu")
CLIP_IN_G711 = at_once(convert(CLIP, AudioFormat(), PCMU))


@pytest.mark.parametrize("noise", [None, {"type": "far_field"}])
async def test_the_format_and_the_noise_reduction_may_change_with_the_switch(noise):
    changed = {"format": {"type": "audio/pcmu"}, "noise_reduction": noise}
    async with running() as server, client(server.url) as wire:
        await wire.update(**detection(OFF))
        await wire.append(CLIP[:CUT])
        await wire.update(**detection(ON, **changed))
        await wire.append(CLIP_IN_G711[CUT // 6 :], step=160)
        ((start, end),) = await turns(wire)
        assert start < 300
        item_id = wire.of(COMMITTED)[0]["item_id"]
        assert len(await audio_of(wire, item_id)) == 8 * (end - start)
    async with running() as server, client(server.url) as wire:
        await wire.update(**detection(ON))
        await wire.append(CLIP[:CUT])
        started = await wire.until(STARTED)
        await wire.update(**detection(OFF, **changed))
        await wire.append(CLIP_IN_G711[CUT // 6 :], step=160)
        await wire.send("input_audio_buffer.commit")
        assert (await wire.until(COMMITTED))["item_id"] == started["item_id"]
        length = len(CLIP_IN_G711) - 8 * started["audio_start_ms"]
        assert len(await audio_of(wire, started["item_id"])) == length


async def test_clear_abandons_a_turn_that_was_detected_before():
    async with running() as server, client(server.url) as wire:
        await wire.update(**detection(ON))
        await wire.append(CLIP[:CUT])
        started = await wire.until(STARTED)
        await wire.update(**detection(OFF))
        await wire.send("input_audio_buffer.clear")
        await wire.send("input_audio_buffer.commit")
        error = await wire.until("error")
        assert error["error"]["code"] == "input_audio_buffer_commit_empty"
        await wire.append(CLIP[CUT:])
        await wire.send("input_audio_buffer.commit")
        assert (await wire.until(COMMITTED))["item_id"] != started["item_id"]
