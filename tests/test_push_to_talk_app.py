"""The push-to-talk app: keys in, events and sound out, with the SDK in between."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

import push_to_talk_app as program
from audio_utils import AudioPlayerAsync, silence
from push_to_talk_app import PushToTalkApp
from realtime_client import Microphone, RealtimeClient, View, make_client
from tests.clients.fake_connection import CLOSED, Event, FakeServer, FakeSocket
from tests.clients.fake_sound import FakeSound
from tests.clients.scripted_server import ANSWER_PCM, ANSWER_TEXT, scripted_server, user_item

SESSION: Event = {"type": "realtime", "id": "sess_1", "model": "gpt-realtime"}
SESSION |= {"audio": {"output": {"voice": "marin"}}}
CREATED: Event = {"type": "session.created", "session": SESSION}
DONE: Event = {"type": "response.done", "response": {"id": "resp_1", "status": "completed"}}
CANCELLED: Event = {"type": "response.done", "response": {"id": "resp_1", "status": "cancelled"}}
IDS: Event = {"response_id": "resp_1", "item_id": "item_a", "output_index": 0, "content_index": 0}
PCM = bytes(range(1, 241)) * 40  # 200 ms


def says(text: str) -> Event:
    return {"type": "response.output_audio_transcript.delta", **IDS, "delta": text}


def sounds(pcm: bytes, item_id: str = "item_a") -> Event:
    delta = base64.b64encode(pcm).decode()
    return {"type": "response.output_audio.delta", **IDS, "item_id": item_id, "delta": delta}


def fault(message: str, code: str | None = None, event_id: str | None = None) -> Event:
    error = {"type": "invalid_request_error", "code": code, "message": message}
    return {"type": "error", "error": {**error, "param": None, "event_id": event_id}}


@dataclass
class Bench:
    """An app under test with all that is connected to it."""

    pilot: Pilot[None]
    app: PushToTalkApp
    speaker: FakeSound
    microphone: FakeSound
    socket: FakeSocket

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def say(self, *events: Event | Exception) -> None:
        await self.socket.say(*events)
        await self.pilot.pause()

    async def ask(self, text: str = "hello") -> None:
        """Type a message and see it sent."""
        asked = self.socket.kinds().count("response.create")
        await self.press("slash", *text, "enter")
        await self.socket.until("response.create", asked + 1)
        await self.press("tab")  # leave the input line

    async def record(self, pcm: bytes = PCM) -> None:
        """Begin to record and say something."""
        await self.press("k")
        self.microphone.push(pcm)

    def shown(self) -> list[str]:
        return [
            str(line.render()) for line in self.app.query("#conversation Static").results(Static)
        ]

    def bar(self, name: str) -> str:
        return str(self.app.query_one(f"#{name}", Static).render())


@asynccontextmanager
async def bench(
    *attempts: FakeSocket | Exception,
    speaker: bool = True,
    microphone: bool = True,
    note: str = "",
) -> AsyncIterator[Bench]:
    out, into = FakeSound(), FakeSound()
    player = AudioPlayerAsync(out.open) if speaker else None
    recorder = Microphone(into.open) if microphone else None
    socket = next((a for a in attempts if isinstance(a, FakeSocket)), FakeSocket())
    connect = FakeServer(*attempts).connect
    app = PushToTalkApp(
        lambda view: RealtimeClient(connect, view, player, recorder, "marin", "ws://test"), note
    )
    async with app.run_test() as pilot:
        yield Bench(pilot, app, out, into, socket)


@asynccontextmanager
async def session(**options: Any) -> AsyncIterator[Bench]:
    async with bench(FakeSocket(), **options) as it:
        await it.say(CREATED)
        yield it


async def test_the_session_is_set_up_and_shown() -> None:
    async with session(note="A first line.") as it:
        wanted = it.socket.sent[0]["session"]
        assert wanted["output_modalities"] == ["audio"]
        assert wanted["audio"] == {
            "input": {"turn_detection": None, "transcription": {"model": "whisper-1"}},
            "output": {"voice": "marin"},
        }
        assert it.bar("status") == "connected · sess_1 · gpt-realtime · voice marin"
        assert it.shown() == ["A first line."]


async def test_a_typed_message_is_answered_in_text_and_sound() -> None:
    async with session() as it:
        await it.press("slash", *"[hi] k q", "enter")
        await it.socket.until("response.create")
        assert it.socket.kinds()[1:] == ["conversation.item.create", "response.create"]
        item = it.socket.sent[1]["item"]
        assert item["content"] == [{"type": "input_text", "text": "[hi] k q"}]
        assert it.app.query_one(Input).value == ""
        await it.say(*user_item("item_u", item["content"][0]), says("Well"), sounds(PCM[:4800]))
        await it.say(says(", [hi]."), sounds(PCM[4800:]))
        assert it.shown() == ["You: [hi] k q", "Assistant: Well, [hi]."]
        assert it.speaker.pull(4900) == PCM + bytes(200)
        assert it.bar("bar") == "K to talk"
        await it.say(DONE)
        assert it.bar("bar").startswith("answer after ")


async def test_k_records_and_k_sends() -> None:
    async with session() as it:
        await it.record(PCM[:4800])
        assert it.bar("bar") == "● recording, K sends"
        it.microphone.push(PCM[4800:])
        await it.press("k")
        await it.socket.until("response.create")
        assert it.microphone.calls == ["open", "start", "abort", "close"]
        assert it.bar("bar") == "K to talk"
        appended = [e for e in it.socket.sent if e["type"] == "input_audio_buffer.append"]
        assert b"".join(base64.b64decode(event["audio"]) for event in appended) == PCM
        assert it.socket.kinds()[-2:] == ["input_audio_buffer.commit", "response.create"]
        await it.say(*user_item("item_u", {"type": "input_audio", "transcript": None}))
        assert it.shown() == ["You: …"]
        transcription = "conversation.item.input_audio_transcription"
        heard: Event = {"item_id": "item_u", "content_index": 0, "transcript": "hello\n"}
        await it.say(says("Yes"), {"type": f"{transcription}.completed", **heard})
        assert it.shown() == ["You: hello", "Assistant: Yes"]
        failed: Event = {"type": f"{transcription}.failed", "item_id": "item_u"}
        await it.say({**failed, "content_index": 0, "error": {"message": "no model"}})
        assert it.shown()[0] == "You: (not understood: no model)"


async def test_recording_interrupts_an_answer_that_is_being_made() -> None:
    async with session() as it:
        await it.ask()
        await it.say(says("A long"), sounds(PCM), sounds(PCM))
        it.speaker.pull(2424)  # 101 ms
        await it.record()
        assert it.speaker.calls[-1] == "abort"
        cut = await it.socket.until("conversation.item.truncate")
        await it.socket.until("response.cancel")
        assert (cut["item_id"], cut["content_index"], cut["audio_end_ms"]) == ("item_a", 0, 101)
        await it.say(says(" answer"), sounds(PCM))  # was under way
        assert it.speaker.calls[-1] == "abort"
        assert it.shown() == ["Assistant: A long [interrupted]"]
        await it.press("k")
        await it.socket.until("input_audio_buffer.commit")
        assert it.socket.kinds().count("response.create") == 1  # the first is not over
        await it.say(CANCELLED)
        await it.socket.until("response.create", 2)
        await it.say(sounds(PCM, "item_b"))
        assert it.speaker.pull(4800) == PCM


async def test_recording_interrupts_an_answer_that_only_plays_on() -> None:
    async with session() as it:
        await it.ask()
        await it.say(sounds(PCM), sounds(PCM, "item_b"), sounds(PCM, "item_c"), DONE)
        it.speaker.pull(4800 + 1200)
        await it.record()
        await it.socket.until("conversation.item.truncate", 2)
        cuts = [e for e in it.socket.sent if e["type"] == "conversation.item.truncate"]
        heard = [(cut["item_id"], cut["audio_end_ms"]) for cut in cuts]
        assert heard == [("item_b", 50), ("item_c", 0)]
        assert "response.cancel" not in it.socket.kinds()


async def test_nothing_is_cut_from_an_answer_that_was_heard() -> None:
    async with session() as it:
        await it.ask()
        await it.say(sounds(PCM), DONE)
        it.speaker.pull(4800)
        await it.record()
        await it.press("k")
        await it.socket.until("response.create", 2)
        assert not {"conversation.item.truncate", "response.cancel"} & {*it.socket.kinds()}


async def test_escape_cancels_an_answer_before_it_sounds() -> None:
    async with session() as it:
        await it.ask("one")
        await it.say(sounds(PCM), DONE)
        it.speaker.pull(4800)
        await it.ask("two")
        await it.press("escape")
        await it.socket.until("response.cancel")
        await it.say(says("too late"), sounds(PCM), CANCELLED)
        assert "conversation.item.truncate" not in it.socket.kinds()
        assert it.shown() == []
        assert it.speaker.pull(100) == bytes(200)
        await it.say(fault("no active response found", "response_cancel_not_active"))
        assert it.shown() == []


async def test_the_last_of_several_questions_is_asked() -> None:
    async with session() as it:
        await it.ask()
        await it.press("slash", "a", "enter", "b", "enter")
        await it.socket.until("conversation.item.create", 3)
        await it.say(CANCELLED)
        await it.socket.until("response.create", 2)
        await it.say(DONE)
        assert it.socket.kinds().count("response.create") == 2


async def test_a_recording_that_is_too_short_is_not_sent() -> None:
    async with session() as it:
        await it.record(silence(60))
        await it.press("k")
        await it.socket.until("input_audio_buffer.clear")
        await it.pilot.pause()
        assert "input_audio_buffer.commit" not in it.socket.kinds()
        assert it.shown() == ["Nothing sent: the recording is too short. K starts, K sends."]


async def test_errors_are_shown_and_the_next_question_is_asked() -> None:
    async with session() as it:
        await it.ask()
        await it.say(fault("Bad [question].", event_id=it.socket.sent[-1]["event_id"]))
        assert it.shown() == ["Bad [question]."]
        await it.ask()
        details = {"type": "failed", "error": {"type": "x", "code": "x", "message": "no model"}}
        failed = {"id": "resp_1", "status": "failed", "status_details": details}
        await it.say({"type": "response.done", "response": failed})
        assert it.shown()[-1] == "The answer is failed: no model"


async def test_without_sound_it_is_a_text_client() -> None:
    async with session(speaker=False, microphone=False) as it:
        assert it.socket.sent[0]["session"]["output_modalities"] == ["text"]
        await it.press("k")
        assert it.shown() == ["Cannot record: there is no sound input. Type instead (/)."]
        await it.ask()
        await it.say({"type": "response.output_text.delta", **IDS, "delta": "Hi."}, DONE)
        assert it.shown()[-1] == "Assistant: Hi."


async def test_a_microphone_that_fails_is_named() -> None:
    class Broken(FakeSound):
        def start(self) -> None:
            raise RuntimeError("device busy")

    async with session() as it:
        it.app.client._microphone = Microphone(Broken().open)
        await it.press("k")
        assert it.shown() == ["Cannot record: device busy. Check the input device."]
        assert not it.app.client.recording


async def test_a_lost_connection_ends_the_recording_and_comes_back() -> None:
    first, second = FakeSocket(), FakeSocket()
    async with bench(first, second) as it:
        await it.say(CREATED)
        await it.record()
        await it.say(CLOSED)
        assert it.bar("status") == "offline; next try in 0.5 s, R tries now"
        assert it.shown() == ["ws://test closed the connection."]
        assert it.microphone.calls[-1] == "close"
        await it.press("slash", "a", "enter", "escape")
        assert it.shown()[-1] == "Not sent: there is no connection. R tries to connect now."
        await it.press("r")
        await second.say(CREATED)
        await it.pilot.pause()
        again = "Connected again. The server knows nothing of what was said before."
        assert it.shown()[-1] == again
        assert it.bar("status").startswith("connected · sess_1")


async def test_waits_grow_until_the_server_is_up() -> None:
    down = ConnectionRefusedError(111, "Connect call failed")
    socket = FakeSocket()
    async with bench(*[down] * 8, socket) as it:
        for wait in ("0.5", "1", "2", "4", "8", "16", "30", "30"):
            async with asyncio.timeout(20):
                while it.bar("status").split()[4:5] != [wait]:
                    await it.pilot.pause()
            await it.press("r")
        assert len(it.shown()) == 1
        assert it.shown()[0].startswith("Cannot connect to ws://test: connection refused.")
        await it.say(CREATED)
        assert it.bar("status").startswith("connected")


async def test_the_wait_ends_by_itself() -> None:
    async with bench(OSError("unreachable"), FakeSocket()) as it:
        await it.socket.say(CREATED)  # handled after 0.5 s
        await it.pilot.pause()
        assert it.bar("status").startswith("connected")


async def test_quitting_while_recording_releases_the_microphone() -> None:
    async with session() as it:
        await it.record()
        await it.press("q")
        assert it.app.return_code == 0
    assert it.microphone.calls[-1] == "close"


async def test_q_quits_but_may_be_typed() -> None:
    async with session() as it:
        await it.press("slash", "q")
        assert it.app.query_one(Input).value == "q"
        assert it.app.is_running
        await it.press("escape", "q")
        assert it.app.return_code == 0
        assert not it.app.is_running


class Told:
    """A view that keeps what it is told, and lets a test wait for it."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values, **named: self.calls.put_nowait((name, *values, *named.values()))

    async def until(self, name: str) -> list[tuple[Any, ...]]:
        """Return the calls up to the next one of this name."""
        calls: list[tuple[Any, ...]] = []
        async with asyncio.timeout(10):
            while not calls or calls[-1][0] != name:
                calls.append(await self.calls.get())
        return calls


async def test_a_turn_over_a_real_websocket() -> None:
    view, out, into = Told(), FakeSound(), FakeSound()
    player = AudioPlayerAsync(out.open)
    async with scripted_server() as server:
        sdk = make_client(server.url, "none")
        client = RealtimeClient(
            lambda: sdk.realtime.connect(model="gpt-realtime"),
            cast(View, view),
            player,
            Microphone(into.open),
        )
        running = asyncio.create_task(client.run())
        assert (await view.until("show_session"))[-1][1] == "sess_1"
        await client.toggle_recording()
        into.push(PCM)
        await client.toggle_recording()
        told = await view.until("show_latency")
        texts = [call for call in told if call[0] == "show_text"]
        assert texts[0][2:] == ("you", "…")
        assert "".join(text[3] for text in texts[1:]) == ANSWER_TEXT
        assert out.pull(player.waiting_samples) == ANSWER_PCM
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert out.calls[-1] == "abort"


def test_command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--url", "ftp://x"]) == 2
    assert "--url ftp://x is no ws:// or http:// address" in capsys.readouterr().err
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert program.parse_arguments([]).url == program.LOCAL_SERVER
    monkeypatch.setattr(program, "USE_LOCAL_SERVER", False)
    assert program.main([]) == 2
    assert "OPENAI_API_KEY" in capsys.readouterr().err


def test_missing_sound_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    player, microphone, missing = program.open_audio()
    assert player is None
    assert microphone is None
    assert "PortAudio" in missing
    assert missing.endswith("Going on with text.")
    assert "\n" not in missing
