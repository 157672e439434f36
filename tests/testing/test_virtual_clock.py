"""By a virtual clock a spoken conversation takes no time, and is the same each time."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from openai import OpenAI
from openai.resources.realtime.realtime import RealtimeConnection

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE, silence
from open_realtime_pytest.double import RealtimeServer
from open_realtime_pytest.events import Events
from open_realtime_pytest.process import ServerProcess
from testing.virtual_clock import FAR_S, VirtualClockLoop
from tests.support.clips import FIRST, SECOND
from tests.support.places import DATA, ROOT

GOLDEN = DATA / "spoken_turns.golden.jsonl"
VIRTUAL = {"REALTIME_SERVER__VIRTUAL_CLOCK": "true"}
STEP = WIRE_RATE // 10 * BYTES_PER_SAMPLE
SPOKEN = FIRST + silence(2500) + SECOND + silence(2500)
SECONDS = len(SPOKEN) / BYTES_PER_SAMPLE / WIRE_RATE


@contextmanager
def virtual() -> Iterator[RealtimeServer]:
    process = ServerProcess(VIRTUAL)
    try:
        yield RealtimeServer(process.port, process.api_key)
    finally:
        process.close()


@pytest.fixture(scope="module")
def running() -> Iterator[RealtimeServer]:
    with virtual() as server:
        yield server


@pytest.fixture
def server(running: RealtimeServer) -> RealtimeServer:
    running.reset()
    return running


def until_done(connection: RealtimeConnection, times: int = 1) -> None:
    while times:
        event = connection.recv()
        assert event.type != "error", event
        times -= event.type == "response.done"


def say(server: RealtimeServer, turn_detection: dict[str, object] | None = None) -> Events:
    """Say two turns as fast as they are taken, and return what passed."""
    vad = turn_detection or {"type": "server_vad"}
    sdk = OpenAI(api_key=server.api_key, base_url=server.base_url)
    pieces = [SPOKEN[at : at + STEP] for at in range(0, len(SPOKEN), STEP)]
    with sdk.realtime.connect(model="gpt-realtime") as connection:
        audio = {"input": {"turn_detection": vad, "transcription": {"model": "whisper-1"}}}
        connection.session.update(session={"type": "realtime", "audio": audio})  # type: ignore
        with ThreadPoolExecutor() as beside:
            reading = beside.submit(until_done, connection, 2)
            for piece in pieces:
                connection.input_audio_buffer.append(audio=base64.b64encode(piece).decode())
            reading.result()
        server.wait_for("input_audio_buffer.append", count=len(pieces), timeout_s=60)
    [session] = server.sessions
    return session.events


def two_turns(server: RealtimeServer) -> Events:
    server.reset()
    server.hears("what is the weather", delay_ms=200)
    server.hears("and tomorrow")
    server.answers("It is sunny today.", when="weather", delay_ms=300)
    server.answers("It rains, I am afraid.", when="tomorrow")
    server.delays(word_ms=20, tts_ms=100)
    return say(server)


def test_a_conversation_is_what_it_was_in_another_process_and_on_another_machine(
    server: RealtimeServer,
) -> None:
    text = two_turns(server).text
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), "GOLDEN=write writes it anew"
    # Nothing of a conversation is left that the next one would notice.
    assert [two_turns(server).text == text for _ in range(5)] == [True] * 5
    with virtual() as another:
        assert two_turns(another).text == text


@pytest.mark.long
def test_a_hundred_conversations_are_the_same(server: RealtimeServer) -> None:
    assert len({two_turns(server).text for _ in range(100)}) == 1


def test_its_times_are_those_of_the_speech(server: RealtimeServer) -> None:
    events = two_turns(server)
    last = events.of("input_audio_buffer.append")[-1]
    assert last.t_ms == pytest.approx(
        (SECONDS - STEP / BYTES_PER_SAMPLE / WIRE_RATE) * 1000, abs=100
    )
    for stopped in events.of("input_audio_buffer.speech_stopped"):
        done = next(
            event
            for event in events.of("conversation.item.input_audio_transcription.completed")
            if event["item_id"] == stopped["item_id"]
        )
        first = stopped["item_id"] == events.of("input_audio_buffer.speech_stopped")[0]["item_id"]
        assert done.t_ms - stopped.t_ms == (200 if first else 0)


def test_who_speaks_while_an_answer_comes_interrupts_it(server: RealtimeServer) -> None:
    def interrupted() -> Events:
        server.reset()
        server.answers("one two three four five six seven eight nine ten", times="always")
        server.delays(word_ms=400)
        return say(server)

    events = interrupted()
    statuses = [event["response"]["status"] for event in events.of("response.done")]
    assert statuses == ["cancelled", "completed"]
    assert interrupted().text == events.text


@pytest.mark.parametrize(
    "vad", [{"type": "semantic_vad", "eagerness": "high"}, {"type": "server_vad", "threshold": 0.4}]
)
def test_it_is_the_same_however_turns_end(server: RealtimeServer, vad: dict[str, object]) -> None:
    server.answers("Yes.", times="always")
    first = say(server, vad)
    server.reset()
    server.answers("Yes.", times="always")
    assert say(server, vad).text == first.text
    assert first.of("input_audio_buffer.speech_stopped")


def test_a_whole_file_in_one_append_is_taken_too(server: RealtimeServer) -> None:
    sdk = OpenAI(api_key=server.api_key, base_url=server.base_url)
    texts = set()
    for _ in range(3):
        server.reset()
        server.answers("Yes.", times="always")
        with sdk.realtime.connect(model="gpt-realtime") as connection:
            connection.input_audio_buffer.append(audio=base64.b64encode(SPOKEN).decode())
            until_done(connection, 2)
        texts.add(server.events.text)
    assert len(texts) == 1


def typed(connection: RealtimeConnection, text: str) -> None:
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    connection.conversation.item.create(item=item)  # type: ignore[arg-type]
    connection.response.create()


def test_what_would_take_long_is_over_at_once_and_a_session_is_not(server: RealtimeServer) -> None:
    server.stalls(after_words=2, text="It never comes to an end.")
    server.answers("Yes.")
    sdk = OpenAI(api_key=server.api_key, base_url=server.base_url)
    with sdk.realtime.connect(model="gpt-realtime") as connection:
        for text in ("Talk.", "Are you there?"):
            typed(connection, text)
            until_done(connection)
    stalled, answered = server.events.of("response.done")
    assert stalled["response"]["status"] == "failed"
    # The model had 30 s, of which nobody waited for one.
    assert stalled.t_ms > 30_000
    assert answered["response"]["status"] == "completed"


def test_a_model_that_stalls_behind_another_session_is_given_up_on(server: RealtimeServer) -> None:
    say(server)
    server.reset()
    server.hears("hello there")
    server.stalls(after_words=2, text="one two three four")
    audio = FIRST + silence(40_000)
    with (
        OpenAI(api_key=server.api_key, base_url=server.base_url) as sdk,
        sdk.realtime.connect(model="gpt-realtime") as connection,
    ):
        for at in range(0, len(audio), STEP):
            sound = base64.b64encode(audio[at : at + STEP]).decode()
            connection.input_audio_buffer.append(audio=sound)
        until_done(connection)
    assert server.events.one("response.done")["response"]["status"] == "failed"


def test_a_client_that_reads_slowly_is_none_that_does_not_read(server: RealtimeServer) -> None:
    server.answers("word " * 2000)
    sdk = OpenAI(api_key=server.api_key, base_url=server.base_url)
    with sdk.realtime.connect(model="gpt-realtime") as connection:
        typed(connection, "Talk.")
        server.wait_for("response.output_audio.delta", count=1000, timeout_s=60)
        # More than the sockets hold waits for it meanwhile.
        until_done(connection)
    assert server.sessions[0].spoken_audio


def test_ids_of_calls_are_the_same_too(server: RealtimeServer) -> None:
    def called() -> str:
        server.reset()
        server.calls_several([("get_time", {}), ("get_time", {"city": "Oslo"})])
        sdk = OpenAI(api_key=server.api_key, base_url=server.base_url)
        tool = {"type": "function", "name": "get_time", "parameters": {"type": "object"}}
        with sdk.realtime.connect(model="gpt-realtime") as connection:
            connection.session.update(session={"type": "realtime", "tools": [tool]})  # type: ignore
            typed(connection, "What time is it?")
            until_done(connection)
        return server.events.text

    assert called() == called()


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "set server.testing too"),
        ({"REALTIME_SERVER__TESTING": "1", "REALTIME_STT__PROVIDER": "embedded"}, "stt.provider"),
        ({"REALTIME_SERVER__TESTING": "1", "REALTIME_MCP__ALLOWED_HOSTS": "a.com"}, "mcp.allowed"),
        (
            {"REALTIME_SERVER__TESTING": "1", "REALTIME_UPSTREAM__PROVIDER": "openai"},
            "upstream.provider",
        ),
    ],
)
def test_it_waits_for_nothing_outside(variables: dict[str, str], told: str) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith("REALTIME_")}
    ended = subprocess.run(
        [sys.executable, "main.py", "--port", "0"],
        cwd=ROOT,
        env={**own, **VIRTUAL, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ") and told in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def run(loop: VirtualClockLoop, main: object) -> list[str]:
    try:
        return loop.run_until_complete(main)  # type: ignore[arg-type]
    finally:
        loop.close()


def test_timers_of_sessions_come_in_the_order_of_their_times() -> None:
    loop = VirtualClockLoop()
    seen: list[str] = []

    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append(f"{seconds:g} s at {loop.time() - began:g}")

    async def main() -> list[str]:
        with loop.clock.entered():
            await asyncio.gather(wait(50), wait(0.1), wait(3))
        return seen

    with loop.clock.entered():
        began = loop.time()
    assert run(loop, main()) == ["0.1 s at 0.1", "3 s at 3", "50 s at 50"]


def test_a_timer_that_is_cancelled_does_not_fire_and_one_too_far_away_is_not_waited_for() -> None:
    loop = VirtualClockLoop()

    async def main() -> list[str]:
        with loop.clock.entered():
            began = loop.time()
            loop.call_later(1, seen.append, "cancelled").cancel()
            loop.call_later(FAR_S + 1, seen.append, "far")
            await asyncio.sleep(2)
            seen.append(f"{loop.time() - began:g} s")
        # The machine's own time goes on meanwhile.
        await asyncio.sleep(0.2)
        return seen

    seen: list[str] = []
    assert run(loop, main()) == ["2 s"]


@pytest.mark.parametrize("seconds", [0.1234564, 0.1234566, 0.3000000001])
def test_no_timer_fires_before_its_time(seconds: float) -> None:
    loop = VirtualClockLoop()

    async def main() -> list[str]:
        with loop.clock.entered():
            due = loop.time() + seconds
            while loop.time() < due:
                fired = asyncio.Event()
                loop.call_at(due, fired.set)
                await fired.wait()
                fires.append("fired")
        return fires

    fires: list[str] = []
    # Who looks at the time, and waits for the rest of it, would wait for ever.
    assert run(loop, main()) == ["fired"]


def test_the_servers_own_timers_have_the_machines_clock() -> None:
    loop = VirtualClockLoop()

    async def session() -> None:
        with loop.clock.entered():
            await asyncio.sleep(40)

    async def main() -> list[str]:
        begun = loop.time()
        waiting = loop.create_task(session())
        housekeeping = loop.create_task(asyncio.sleep(20))
        await waiting
        early = not housekeeping.done() and loop.time() - begun < 20
        housekeeping.cancel()
        return ["early"] if early else []

    assert run(loop, main()) == ["early"]


def test_work_in_threads_takes_no_time_of_a_session() -> None:
    loop = VirtualClockLoop()

    async def main() -> list[str]:
        with loop.clock.entered():
            began = loop.time()
            told = await asyncio.to_thread(lambda: "worked")
            with pytest.raises(ZeroDivisionError):
                await asyncio.to_thread(lambda: 1 / 0)
            assert loop.time() == began
        assert await asyncio.to_thread(lambda: "outside") == "outside"
        return [told]

    assert run(loop, main()) == ["worked"]
