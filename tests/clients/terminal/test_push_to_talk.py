"""Push to talk and typing: keys in, events and sound out, with the SDK in between."""

from __future__ import annotations

from textual.widgets import Input

from audio.pcm import silence
from clients.terminal.session import Wishes
from clients.terminal.sources import Microphone, SpokenFile
from tests.clients.terminal.bench import (
    INPUT,
    PCM,
    TRANSCRIPTION,
    begun,
    done,
    fault,
    heard,
    says,
    session,
    sounded,
    sounds,
    spoken_item,
    tool_call,
    writes,
)
from tests.support.fake_sound import FakeSound
from tests.support.scripted_server import user_item


async def test_the_session_is_asked_for_and_shown() -> None:
    tools = [{"type": "function", "name": "get_weather"}]
    async with session(note="A first line.", wishes=Wishes("marin", "Be brief.", tools)) as it:
        wanted = it.socket.sent[0]["session"]
        assert wanted["output_modalities"] == ["audio"]
        assert wanted["audio"] == {
            "input": {"turn_detection": None, "transcription": {"model": "whisper-1"}},
            "output": {"voice": "marin"},
        }
        assert (wanted["instructions"], wanted["tools"]) == ("Be brief.", tools)
        assert it.bar("status") == "● connected · gpt-realtime · voice marin"
        assert it.shown() == ["A first line."]


async def test_what_is_not_wished_is_left_to_the_server() -> None:
    async with session(wishes=Wishes()) as it:
        wanted = it.socket.sent[0]["session"]
        assert {*wanted} == {"type", "output_modalities", "audio"}
        assert wanted["audio"]["output"] == {}


async def test_a_typed_message_is_answered_in_text_and_sound() -> None:
    async with session() as it:
        await it.press("slash", *"[hi] k q", "enter")
        await it.socket.until("response.create")
        assert it.socket.kinds()[1:] == ["conversation.item.create", "response.create"]
        item = it.socket.sent[1]["item"]
        assert item["content"] == [{"type": "input_text", "text": "[hi] k q"}]
        assert it.app.query_one(Input).value == ""
        assert it.bar("latency") == "waiting …"
        await it.say(*user_item("item_u", item["content"][0]), begun(), says("Well"))
        assert it.bar("latency") == "waiting …"  # words of a spoken answer are not yet heard
        await it.say(sounds(PCM[:4800]), says(", [hi]."), sounds(PCM[4800:]), done())
        assert it.shown() == ["You: [hi] k q", "Assistant: Well, [hi]."]
        assert it.speaker.pull(4900) == PCM + bytes(200)
        assert it.bar("latency").endswith(" ms from sending to first audio")


async def test_an_empty_line_is_not_sent() -> None:
    async with session() as it:
        await it.press("slash", "space", "enter")
        assert it.socket.kinds() == ["session.update"]


async def test_k_records_and_k_sends() -> None:
    async with session() as it:
        assert it.bar("input") == "K to talk"
        await it.record(PCM[:4800])
        assert it.bar("input") == "● recording, K sends"
        it.microphone.push(PCM[4800:])
        await it.press("k")
        await it.socket.until("response.create")
        assert it.microphone.calls == ["open", "start", "abort", "close"]
        assert it.bar("input") == "K to talk"
        assert it.appended() == PCM
        assert it.socket.kinds()[-2:] == [f"{INPUT}.commit", "response.create"]
        await it.say(*spoken_item())
        assert it.shown() == ["You: …"]
        await it.say(begun(), says("Yes"), sounds(PCM), heard("hello\n"))
        assert it.shown() == ["You: hello", "Assistant: Yes"]
        assert it.bar("latency").endswith(" ms from end of speech to first audio")


async def test_the_users_words_are_shown_as_they_come() -> None:
    async with session() as it:
        await it.say(*spoken_item())
        partial = {"type": f"{TRANSCRIPTION}.delta", "item_id": "item_u", "content_index": 0}
        await it.say({**partial, "delta": "turn"}, {**partial, "delta": " of"})
        assert it.shown() == ["You: turn of"]
        await it.say(heard("turn off"))
        assert it.shown() == ["You: turn off"]
        await it.say(heard(" "))
        assert it.shown() == ["You: (nothing understood)"]
        failed = {"type": f"{TRANSCRIPTION}.failed", "item_id": "item_u", "content_index": 0}
        await it.say({**failed, "error": {"message": "no model"}})
        assert it.shown() == ["You: (not understood: no model)"]


async def test_the_meter_follows_the_voice() -> None:
    async with session() as it:
        meter = it.app.query_one("LevelMeter")
        assert not meter.visible
        await it.record(silence(20))
        await it.pilot.pause()
        assert str(meter.render()) == "─" * meter.size.width
        it.microphone.push(b"\x00\x20" * 480)  # a constant at 1/4: -9 dB of the loudest sine
        await it.until(lambda: "━" in str(meter.render()))
        assert str(meter.render()).count("━") == round(meter.size.width * 51 / 60)
        await it.press("k")
        assert not meter.visible


async def test_recording_interrupts_an_answer_that_is_being_made() -> None:
    async with session() as it:
        await it.answered(says("A long"), sounds(PCM), sounds(PCM))
        it.speaker.pull(2424)  # 101 ms
        await it.record()
        assert it.speaker.calls[-1] == "abort"
        await it.socket.until("conversation.item.truncate")
        assert it.truncated() == [("item_a", 101)]
        assert it.socket.kinds().count("response.cancel") == 1
        await it.say(says(" answer"), sounds(PCM))  # was under way
        assert it.speaker.calls[-1] == "abort"
        assert it.shown() == ["Assistant: A [interrupted after 0.1 s, not heard: long]"]
        assert it.lines()[0].has_class("interrupted")
        await it.press("k")
        await it.socket.until(f"{INPUT}.commit")
        assert it.socket.kinds().count("response.create") == 1  # the first is not over
        await it.say(done(status="cancelled"))
        await it.socket.until("response.create", 2)
        await it.say(begun("resp_2"), sounds(PCM, "item_b", "resp_2"))
        assert it.speaker.pull(4800) == PCM


async def test_recording_interrupts_an_answer_that_only_plays_on() -> None:
    async with session() as it:
        await it.answered(*(sounds(PCM, f"item_{name}") for name in "abc"), done())
        it.speaker.pull(4800 + 1200)
        await it.record()
        await it.socket.until("conversation.item.truncate", 2)
        assert it.truncated() == [("item_b", 50), ("item_c", 0)]
        assert "response.cancel" not in it.socket.kinds()


async def test_what_is_still_in_the_device_was_not_heard() -> None:
    async with session(latency=0.05) as it:
        await it.answered(sounds(PCM), done())
        it.speaker.pull(3600)  # 150 ms handed over, the last 50 of them on their way
        await it.press("escape")
        await it.socket.until("conversation.item.truncate")
        assert it.truncated() == [("item_a", 100)]


async def test_the_mark_is_where_the_voice_stopped() -> None:
    async with session() as it:
        words = says("one two three four ten")
        await it.answered(words, sounds(PCM), sounds(PCM), sounded(), done())
        it.speaker.pull(4800)  # half of it
        await it.press("escape")
        stopped = "Assistant: one two [interrupted after 0.2 s, not heard: three four ten]"
        assert it.shown() == [stopped]


async def test_the_pace_of_a_voice_is_learnt_from_what_it_has_said() -> None:
    async with session() as it:
        await it.answered(says("word " * 8), *[sounds(PCM)] * 10, sounded(), done())
        it.speaker.pull(48000)  # 2 s, 20 letters in each
        await it.ask()
        ids = ("item_b", "resp_2")
        words = says("word " * 100, *ids)
        await it.say(begun("resp_2"), words, *[sounds(PCM, *ids)] * 6)
        it.speaker.pull(24000)
        await it.press("escape")
        (line,) = [shown for shown in it.shown() if "[interrupted" in shown]
        assert line.startswith("Assistant: word word word word [interrupted after 1.0 s, not")


async def test_nothing_is_cut_from_an_answer_that_was_heard() -> None:
    async with session() as it:
        await it.answered(says("Yes."), sounds(PCM), done())
        it.speaker.pull(4800)
        await it.record()
        await it.press("k")
        await it.socket.until("response.create", 2)
        assert not {"conversation.item.truncate", "response.cancel"} & {*it.socket.kinds()}
        assert it.shown() == ["Assistant: Yes."]


async def test_escape_cancels_an_answer_before_it_sounds() -> None:
    async with session() as it:
        await it.answered(sounds(PCM), done())
        it.speaker.pull(4800)
        await it.ask("two")
        await it.press("escape")
        await it.socket.until("response.cancel")
        cancelled = done("resp_2", "cancelled")
        late = says("too late", "item_b", "resp_2"), sounds(PCM, "item_b", "resp_2")
        await it.say(begun("resp_2"), *late, cancelled)
        assert it.truncated() == []
        assert it.shown() == []
        assert it.speaker.calls[-1] == "abort"
        await it.say(fault("no active response found", "response_cancel_not_active"))
        assert it.shown() == []


async def test_escape_stops_a_written_answer() -> None:
    async with session(speaker=False) as it:
        await it.answered(writes("Well"))
        await it.press("escape")
        await it.socket.until("response.cancel")
        assert it.truncated() == []
        assert it.shown() == ["Assistant: Well [interrupted]"]


async def test_the_last_of_several_questions_is_asked() -> None:
    async with session() as it:
        await it.answered()
        await it.press("slash", "a", "enter", "b", "enter")
        await it.socket.until("conversation.item.create", 3)
        await it.say(done(status="cancelled"))
        await it.socket.until("response.create", 2)
        await it.say(begun("resp_2"), done("resp_2"))
        assert it.socket.kinds().count("response.create") == 2


async def test_escape_drops_a_question_that_waits() -> None:
    async with session() as it:
        await it.answered()
        await it.press("slash", "a", "enter", "escape")
        await it.socket.until("conversation.item.create", 2)
        await it.say(done(status="cancelled"))
        assert it.socket.kinds().count("response.create") == 1


async def test_a_recording_that_is_too_short_is_not_sent() -> None:
    async with session() as it:
        await it.record(silence(60))
        await it.press("k")
        await it.socket.until(f"{INPUT}.clear")
        await it.pilot.pause()
        assert f"{INPUT}.commit" not in it.socket.kinds()
        assert it.shown() == ["Error: Nothing sent: the recording is too short. K starts, K sends."]


async def test_a_muted_microphone_sends_silence() -> None:
    async with session() as it:
        await it.press("k")
        it.microphone.push(PCM)
        await it.socket.until(f"{INPUT}.append")
        await it.press("m")
        assert it.bar("input") == "● recording, K sends  muted"
        it.microphone.push(PCM)
        await it.socket.until(f"{INPUT}.append", 2)
        await it.press("m")
        it.microphone.push(PCM)
        await it.press("k")
        await it.socket.until("response.create")
        assert it.appended() == PCM + bytes(len(PCM)) + PCM


async def test_muted_k_does_not_record() -> None:
    async with session() as it:
        await it.press("m", "k")
        assert it.bar("input") == "K to talk  muted"
        assert it.microphone.calls == []
        assert it.shown() == ["Error: The microphone is muted. M turns it on."]


async def test_errors_are_shown_and_the_next_question_is_asked() -> None:
    async with session() as it:
        await it.ask()
        await it.say(fault("Bad [question].", event_id=it.socket.sent[-1]["event_id"]))
        assert it.shown() == ["Error: Bad [question]."]
        await it.answered()
        error = {"type": "x", "code": "x", "message": "no model"}
        await it.say(done(status="failed", type="failed", error=error))
        assert it.shown()[-1] == "Error: The answer is failed: no model"
        await it.ask()
        await it.say(begun("resp_2"), done("resp_2", "incomplete", reason="max_output_tokens"))
        assert it.shown()[-1] == "Error: The answer is incomplete: max_output_tokens"


async def test_an_event_of_the_wrong_shape_is_ignored_and_named() -> None:
    async with session() as it:
        await it.say({"type": "conversation.item.added"}, {"type": "response.future"}, says("x"))
        assert it.shown() == [
            "Error: The server sent a 'conversation.item.added' event of the wrong shape; ignored."
        ]
        await it.answered(says("Still here."))
        assert it.shown()[-1] == "Assistant: Still here."


async def test_a_tool_call_is_shown_and_its_result_typed() -> None:
    async with session() as it:
        await it.answered(*tool_call(1, "get_weather", '{"city": "Paris"}')[:1])
        assert it.shown() == ["Tool: get_weather(…)"]
        call, second = tool_call(1, "get_weather", '{"city": "Paris"}'), tool_call(2, "time", "{}")
        assert it.bar("latency") == "waiting …"
        await it.say(call[1], *second, done())
        assert it.bar("latency") == ""
        assert it.shown() == ['Tool: get_weather({"city": "Paris"})', "Tool: time({})"]
        line = it.app.query_one(Input)
        assert line.placeholder == "/ to type the result of get_weather"
        await it.press("slash", *"rain", "enter")
        assert line.placeholder == "/ to type the result of time"
        assert it.socket.kinds().count("response.create") == 1  # one result is still missing
        await it.press(*"noon", "enter")
        await it.socket.until("response.create", 2)
        outputs = [e["item"] for e in it.socket.sent if e["type"] == "conversation.item.create"]
        assert outputs[1:] == [
            {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
            {"type": "function_call_output", "call_id": "call_2", "output": "noon"},
        ]
        assert it.shown()[2:] == ["Tool: get_weather → rain", "Tool: time → noon"]
        assert line.placeholder == "/ to type, Enter to send"


async def test_who_speaks_on_leaves_a_tool_call_open() -> None:
    async with session() as it:
        await it.answered(*tool_call(1, "time", "{}"), done())
        await it.record()
        assert it.app.query_one(Input).placeholder == "/ to type, Enter to send"


async def test_without_sound_it_is_a_text_client() -> None:
    async with session(speaker=False, microphone=False) as it:
        assert it.socket.sent[0]["session"]["output_modalities"] == ["text"]
        assert it.bar("input") == "no microphone"
        await it.press("k")
        no_input = "Error: Cannot record: there is no sound input. / to type, D for devices."
        assert it.shown() == [no_input]
        await it.answered(writes("Hi."), done())
        assert it.shown()[-1] == "Assistant: Hi."
        assert it.bar("latency").endswith(" ms from sending to first text")


async def test_a_microphone_that_fails_is_named() -> None:
    class Broken(FakeSound):
        def start(self) -> None:
            raise RuntimeError("device busy")

    async with session(source=Microphone(Broken().open)) as it:
        await it.press("k")
        assert it.shown() == ["Error: Cannot record: device busy. Check the input device."]
        assert it.bar("input") == "K to talk"


async def test_who_cannot_record_interrupts_nothing() -> None:
    class Broken(FakeSound):
        def start(self) -> None:
            raise RuntimeError("device busy")

    for options in ({"microphone": False}, {"source": Microphone(Broken().open)}):
        async with session(**options) as it:
            await it.answered(*tool_call(1, "get_time", "{}"), says("A story"), sounds(PCM))
            sent = len(it.socket.sent)
            await it.press("k")
            assert it.shown()[-1].startswith("Error: Cannot record: ")
            assert len(it.socket.sent) == sent
            assert it.shown()[-2] == "Assistant: A story"
            assert it.speaker.pull(4800) == PCM
            assert "get_time" in it.app.query_one(Input).placeholder


async def test_without_a_microphone_there_is_nothing_to_mute() -> None:
    async with session(microphone=False) as it:
        await it.press("m")
        assert it.shown() == ["Error: Nothing to mute: there is no sound input. D for devices."]
        assert it.bar("input") == "no microphone"


async def test_a_loudspeaker_that_fails_is_named() -> None:
    async with session() as it:
        it.speaker.start = it.speaker.fail  # type: ignore[method-assign]
        await it.answered(says("Hi"), sounds(PCM), sounds(PCM), says("!"))
        assert it.shown() == [
            "Assistant: Hi!",
            "Error: Cannot play: device busy. Check the output device.",
        ]


async def test_a_file_is_spoken_and_sent() -> None:
    async with session(source=SpokenFile(PCM + PCM[:100])) as it:
        await it.press("k")
        await it.until(lambda: it.bar("input") == "● file spoken, K sends")
        await it.press("k")
        await it.socket.until("response.create")
        spoken = it.appended()
        assert spoken.startswith(PCM + PCM[:100])
        assert not spoken[len(PCM) + 100 :].strip(b"\x00")  # silence after it, as long as it takes


async def test_a_session_that_is_no_realtime_session_is_shown_as_it_is() -> None:
    async with session() as it:
        await it.say({"type": "session.updated", "session": {"type": "realtime", "id": "sess_2"}})
        assert it.bar("status") == "● connected · ? · voice ?"
