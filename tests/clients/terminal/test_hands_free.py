"""Hands-free: the server ends turns, and speech stops the answer that is heard."""

from __future__ import annotations

from clients.terminal.sources import Microphone, SpokenFile
from tests.clients.terminal.bench import (
    CREATED,
    INPUT,
    PCM,
    SESSION,
    Bench,
    begun,
    bench,
    done,
    heard,
    says,
    session,
    sounds,
    spoken_item,
)
from tests.support.fake_connection import CLOSED, Event, FakeSocket
from tests.support.fake_sound import FakeSound

DETECTION = {"type": "server_vad", "silence_duration_ms": 500}
UPDATED: Event = {
    "type": "session.updated",
    "session": {**SESSION, "audio": {**SESSION["audio"], "input": {"turn_detection": DETECTION}}},
}
STOPPED = "Assistant: A [interrupted after 0.3 s, not heard: long story]"
STARTED: Event = {"type": f"{INPUT}.speech_started", "audio_start_ms": 0, "item_id": "item_u"}


def stopped(audio_end_ms: int) -> Event:
    return {"type": f"{INPUT}.speech_stopped", "audio_end_ms": audio_end_ms, "item_id": "item_u"}


async def switch_on(it: Bench) -> None:
    await it.press("v")
    await it.socket.until("session.update", 2)
    await it.say(UPDATED)


async def speak(it: Bench, pcm: bytes) -> None:
    """Say something and see it arrive."""
    sent = it.socket.kinds().count(f"{INPUT}.append")
    it.microphone.push(pcm)
    await it.socket.until(f"{INPUT}.append", sent + 1)


async def test_v_asks_for_turn_detection_and_listens() -> None:
    async with session() as it:
        await switch_on(it)
        assert it.socket.kinds()[1:] == [f"{INPUT}.clear", "session.update"]
        wanted = it.socket.sent[-1]["session"]["audio"]
        assert wanted["input"]["turn_detection"] == {"type": "server_vad"}
        assert {*wanted} == {"input"}  # a voice cannot be changed once it has spoken
        assert it.bar("input") == "○ hands-free"
        await speak(it, PCM)
        await it.say(STARTED)
        assert it.bar("input") == "● hands-free"
        await it.say(stopped(200))
        assert it.bar("input") == "○ hands-free"
        assert it.appended() == PCM
        assert not {f"{INPUT}.commit", "response.create"} & {*it.socket.kinds()}


async def test_headphones_are_asked_for_where_the_echo_is_heard() -> None:
    class Clean(Microphone):
        cancels_echo = True

    async with session() as it:
        assert "headphones" not in it.bar("status")
        await switch_on(it)
        assert it.bar("status").endswith("voice marin · wear headphones")
    async with session(source=Clean(FakeSound().open)) as it:
        assert it.bar("status").endswith("voice marin · echo cancelled")
    async with session(speaker=False) as it:
        await switch_on(it)
        assert it.bar("status").endswith("voice marin")


async def test_an_echo_that_is_heard_is_told_once_a_session_with_what_helps() -> None:
    echo = {"type": "input_audio_buffer.echo_heard", "event_id": "event_e"}
    async with session() as it:
        await switch_on(it)
        await it.say(echo, echo)
        [told] = [line for line in it.shown() if "echo" in line]
        assert "The microphone hears the loudspeaker (echo). The server ignores it." in told
        assert "Headphones help" in told


async def test_a_turn_is_answered_and_timed_from_the_end_of_speech() -> None:
    async with session() as it:
        await switch_on(it)
        await speak(it, PCM * 4)
        await it.say(STARTED, stopped(768), *spoken_item(), begun())
        assert it.bar("latency") == "waiting …"
        await it.say(says("Fine."), sounds(PCM), heard("how are you"))
        assert it.shown() == ["You: how are you", "Assistant: Fine."]
        assert it.bar("latency").endswith(" ms from end of speech to first audio")
        ms = int(it.bar("latency").split()[0])
        assert ms >= 800 - (768 - 500)  # the pause that the server waited for is part of it


async def test_an_answer_to_nothing_has_no_latency() -> None:
    async with session() as it:
        await switch_on(it)
        await it.say(begun())
        assert it.bar("latency") == "waiting …"
        await it.say(sounds(PCM))
        assert it.bar("latency") == ""


async def test_speech_stops_the_answer_at_once() -> None:
    async with session() as it:
        await switch_on(it)
        await it.say(begun(), says("A long story"), sounds(PCM), sounds(PCM))
        it.speaker.pull(7224)  # 301 ms
        await it.say(STARTED)
        assert it.speaker.calls[-1] == "abort"
        assert it.truncated() == [("item_a", 301)]
        assert "response.cancel" not in it.socket.kinds()  # the server does that by itself
        assert it.shown() == [STOPPED]
        await it.say(says(" goes on"), sounds(PCM), done(status="cancelled"))
        assert it.speaker.calls[-1] == "abort"
        assert it.shown() == [STOPPED]
        answer = says("Yes?", "item_b", "resp_2"), sounds(PCM, "item_b", "resp_2")
        await it.say(stopped(900), begun("resp_2"), *answer)
        assert it.speaker.pull(4800) == PCM
        assert it.shown()[-1] == "Assistant: Yes?"


async def test_speech_stops_an_answer_that_only_plays_on() -> None:
    async with session() as it:
        await switch_on(it)
        await it.say(begun(), sounds(PCM), done())
        it.speaker.pull(1200)
        await it.say(STARTED)
        assert it.truncated() == [("item_a", 50)]


async def test_speech_after_an_answer_cuts_nothing() -> None:
    async with session() as it:
        await switch_on(it)
        await it.say(begun(), says("Yes."), sounds(PCM), done())
        it.speaker.pull(4800)
        await it.say(STARTED)
        assert it.truncated() == []
        assert it.shown() == ["Assistant: Yes."]


async def test_speech_before_a_typed_question_leaves_its_answer_alone() -> None:
    async with session() as it:
        await switch_on(it)
        await it.ask()
        await it.say(STARTED, begun(), says("Yes."), sounds(PCM))
        assert it.shown() == ["Assistant: Yes."]
        assert it.speaker.pull(4800) == PCM


async def test_late_speech_of_hands_free_stops_nothing() -> None:
    async with session() as it:
        await it.answered(sounds(PCM))
        await it.say(STARTED)
        assert it.bar("input") == "K to talk"
        assert it.speaker.pull(4800) == PCM
        assert it.truncated() == []


async def test_mute_sends_silence_so_that_the_turn_ends() -> None:
    async with session() as it:
        await switch_on(it)
        await it.press("m")
        assert it.bar("input") == "○ hands-free  muted"
        await speak(it, PCM)
        assert it.appended() == bytes(len(PCM))


async def test_v_again_goes_back_to_push_to_talk() -> None:
    async with session() as it:
        await switch_on(it)
        await speak(it, PCM)
        await it.press("v")
        await it.socket.until("session.update", 3)
        assert it.socket.kinds()[-2:] == [f"{INPUT}.clear", "session.update"]
        assert it.socket.sent[-1]["session"]["audio"]["input"]["turn_detection"] is None
        assert it.microphone.calls[-1] == "close"
        assert it.bar("input") == "K to talk"
        assert f"{INPUT}.commit" not in it.socket.kinds()
        await it.record()
        await it.press("k")
        await it.socket.until("response.create")


async def test_v_drops_a_recording() -> None:
    async with session() as it:
        await it.record()
        await switch_on(it)
        assert it.microphone.calls == ["open", "start", "abort", "close", "open", "start"]
        assert f"{INPUT}.commit" not in it.socket.kinds()


async def test_hands_free_k_only_explains() -> None:
    async with session() as it:
        await switch_on(it)
        await it.press("k", "k")
        assert it.shown() == ["Hands-free: just speak. V ends it."]
        assert it.microphone.running


async def test_hands_free_k_speaks_a_file_again() -> None:
    async with session(source=SpokenFile(PCM)) as it:
        await switch_on(it)
        await it.until(lambda: len(it.appended()) > len(PCM))
        await it.press("k")
        await it.until(lambda: it.appended().count(PCM) == 2)
        assert it.bar("input") == "○ hands-free"


async def test_without_a_microphone_v_says_so() -> None:
    async with session(microphone=False) as it:
        await it.press("v")
        assert it.shown() == ["Error: No hands-free: there is no sound input. / to type."]
        assert it.bar("input") == "no microphone"


async def test_a_microphone_that_fails_leaves_push_to_talk() -> None:
    async with session() as it:
        it.microphone.start = it.microphone.fail  # type: ignore[method-assign]
        await it.press("v")
        assert it.shown() == ["Error: Cannot record: device busy. Check the input device."]
        assert it.bar("input") == "K to talk"
        assert it.socket.kinds() == ["session.update"]


async def test_hands_free_survives_a_lost_connection() -> None:
    first, second = FakeSocket(), FakeSocket()
    async with bench(first, second) as it:
        await it.say(CREATED)
        await switch_on(it)
        await it.say(STARTED, CLOSED)
        assert it.bar("input") == "hands-free, paused"
        assert it.microphone.calls[-1] == "close"
        await it.press("r")
        await second.say(CREATED)
        await it.pilot.pause()
        wanted = second.sent[0]["session"]["audio"]["input"]
        assert wanted["turn_detection"] == {"type": "server_vad"}
        assert it.microphone.running
        assert it.bar("input") == "○ hands-free"
