"""The test client against a scripted server: it must pass the good and name the broken."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

import test_client as client
from audio.pcm import duration_ms, read_wav, silence, write_wav
from clients import recorded_turn, speech_sample, verdicts
from clients.sdk import ClientError, make_client
from tests.support.scripted_server import (
    ANSWER_PCM,
    ANSWER_TEXT,
    Event,
    Spoil,
    answer,
    scripted_server,
    spoken_turn,
    user_item,
)

PROGRAM = Path(client.__file__)


async def start(*arguments: str, url: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), "--url", url, *arguments, stdin=pipe, stdout=pipe, stderr=pipe
    )


async def run(*arguments: str, url: str, stdin: str = "") -> tuple[int | None, str, str]:
    process = await start(*arguments, url=url)
    async with asyncio.timeout(60):
        out, err = await process.communicate(stdin.encode())
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
def wav(tmp_path: Path) -> str:
    write_wav(tmp_path / "speech.wav", b"\x00\x10\x00\xf0" * 4800 + silence(100))
    return str(tmp_path / "speech.wav")


async def test_a_good_server_passes_and_the_reply_is_saved(wav: str, tmp_path: Path) -> None:
    saved = tmp_path / "reply.wav"
    async with scripted_server() as server:
        code, out, err = await run("--wav", wav, "--save", str(saved), url=server.url)
    assert (code, err) == (0, "")
    assert "FAIL" not in out
    assert "All checks passed." in out
    assert "input_audio_buffer.speech_started" in out
    assert repr(ANSWER_TEXT) in out
    assert "from end of speech to the first audio" in out
    assert read_wav(saved) == ANSWER_PCM
    sent = [event["type"] for event in server.received]
    assert sent[:3] == ["session.update", "conversation.item.create", "response.create"]
    assert sent[3:].count("input_audio_buffer.append") == len(sent) - 3 >= 35


async def test_a_broken_order_fails(wav: str) -> None:
    def late_creation(events: list[Event]) -> list[Event]:
        at = next(i for i, event in enumerate(events) if event["type"] == "response.created")
        events[at], events[at + 1] = events[at + 1], events[at]
        return events

    async with scripted_server(late_creation) as server:
        code, out, err = await run("--wav", wav, url=server.url)
    assert (code, err) == (1, "")
    assert "FAIL  response.created comes before the events of its response" in out
    assert "checks failed." in out


async def test_a_silent_server_fails_after_the_timeout(wav: str) -> None:
    async with scripted_server(lambda _: []) as server:
        code, out, _ = await run("--wav", wav, "--timeout", "0.5", url=server.url)
    assert code == 1
    assert "not complete within 0.5 s (--timeout)" in out


async def test_a_refused_session_says_why(wav: str) -> None:
    async with scripted_server(reject="Incorrect API key provided.") as server:
        code, out, _ = await run("--wav", wav, url=server.url)
    assert code == 1
    assert "FAIL  no error events  (Incorrect API key provided.)" in out


@pytest.mark.parametrize("arguments", [["--wav", "{wav}"], ["-i"]])
async def test_a_server_that_is_starting_is_waited_for(arguments: list[str], wav: str) -> None:
    async with scripted_server(starting=2) as server:
        code, out, err = await run(*(text.format(wav=wav) for text in arguments), url=server.url)
    assert (code, err) == (0, "")
    assert out.count("The server is starting …\n") == 1
    assert server.starting == 0


async def test_one_that_does_not_become_ready_is_named(
    wav: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "STARTING_S", 0.0)
    async with scripted_server(starting=1_000_000) as server:
        given = ["--url", server.url, "--wav", wav, "--timeout", "1"]
        with pytest.raises(ClientError, match=r"not ready \(HTTP 503\)"):
            await client.check(client.parse_arguments(given))


async def test_a_lost_connection_fails(wav: str) -> None:
    def crash(events: list[Event]) -> list[Event]:
        raise ConnectionError("the server crashes")

    async with scripted_server(crash) as server:
        code, out, err = await run("--wav", wav, url=server.url)
    assert (code, err) == (1, "")
    assert "connection closed: " in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--wav", "{wav}"], "connection refused"),
        (["--wav", "{wav}", "-i"], "connection refused"),
        (["--wav", "missing.wav"], "--wav missing.wav cannot be read"),
    ],
)
async def test_one_line_when_nothing_can_be_checked(
    arguments: list[str], said: str, wav: str
) -> None:
    async with scripted_server() as server:
        url = server.url  # nobody listens there any more
    code, out, err = await run(*(text.format(wav=wav) for text in arguments), url=url)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


async def test_chat_streams_answers_until_the_end_of_input() -> None:
    async with scripted_server() as server:
        code, out, err = await run("-i", url=server.url, stdin="hello\n\nagain\n")
    assert (code, err) == (0, "")
    assert out.count(f"> {ANSWER_TEXT}\n") == 2
    assert server.received[0]["session"]["output_modalities"] == ["text"]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one child process")
async def test_ctrl_c_cancels_the_answer_then_ends_the_chat() -> None:
    async with scripted_server(hold_answers=True) as server:
        process = await start("-i", url=server.url)
        assert process.stdin and process.stdout
        async with asyncio.timeout(60):
            process.stdin.write(b"hello\n")
            await process.stdout.readuntil(ANSWER_TEXT.encode())
            process.send_signal(signal.SIGINT)
            await process.stdout.readuntil(b"[cancelled]\n> ")
            process.send_signal(signal.SIGINT)
            _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert server.received[-1]["type"] == "response.cancel"


async def test_without_a_voice_the_spoken_turn_fails_and_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def no_voice(text: str) -> bytes:
        raise ModuleNotFoundError("No module named 'espeakng_loader'")

    monkeypatch.setattr(speech_sample, "embedded_speech", no_voice)
    async with scripted_server() as server:
        failed = await client.check(client.parse_arguments(["--url", server.url]))
    assert failed == 1
    out = capsys.readouterr().out
    assert "FAIL  the spoken turn is held  (The embedded voice cannot speak here (No module" in out
    assert "Give a recording by --wav FILE." in out


async def test_the_embedded_voice_speaks_after_a_moment_of_silence() -> None:
    pcm = await speech_sample.embedded_speech("Hello.")
    lead = silence(speech_sample.LEAD_MS)
    assert pcm.startswith(lead)
    assert 200 < duration_ms(pcm) - speech_sample.LEAD_MS < 3000


@pytest.mark.parametrize(
    ("url", "websocket", "http"),
    [
        ("ws://localhost:8000/v1/realtime", "ws://localhost:8000/v1", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/", "ws://localhost:8000/v1", "http://localhost:8000/v1"),
        ("https://h/openai/v1", "wss://h/openai/v1", "https://h/openai/v1"),
        ("wss://h/v1/realtime?a=b", "wss://h/v1?a=b", "https://h/v1?a=b"),
        ("localhost:9000", "ws://localhost:9000/v1", "http://localhost:9000/v1"),
    ],
)
def test_any_form_of_address(url: str, websocket: str, http: str) -> None:
    made = make_client(url, "none")
    assert str(made.websocket_base_url) == websocket
    assert str(made.base_url).replace("/?", "?").rstrip("/") == http


@pytest.mark.parametrize("url", ["ftp://localhost/v1", "ws://", ""])
def test_no_address(url: str) -> None:
    with pytest.raises(ClientError, match="--url"):
        make_client(url, "none")


def replay(events: list[Event]) -> recorded_turn.Turn:
    turn = recorded_turn.Turn("replay")
    for event in events:
        turn.add({"event_id": "event_1", **event})
    return turn


def failures(turn: recorded_turn.Turn, spoken: bool = False) -> list[str]:
    own = verdicts.check_spoken if spoken else verdicts.check_typed
    checks = [*own(turn), *verdicts.check_answer(turn), *verdicts.check_all(turn)]
    return [check.name for check in checks if not check.passed]


def typed_turn() -> list[Event]:
    return user_item("item_u", {"type": "input_text", "text": "hi"}) + answer(1)


SPEECH: Event = {"type": "input_audio_buffer.speech_started", "audio_start_ms": 0}
SPEECH |= {"item_id": "item_s"}


def without(kind: str) -> Spoil:
    return lambda events: [event for event in events if event["type"] != kind]


def moved_to_end(kind: str) -> Spoil:
    return lambda events: without(kind)(events) + [e for e in events if e["type"] == kind]


def changed(kind: str, **fields: object) -> Spoil:
    return lambda events: [{**e, **fields} if e["type"] == kind else e for e in events]


AUDIO = "response.output_audio.delta"
DONE = "response.done"
TRANSCRIBED = f"{verdicts.TRANSCRIPTION}.completed"


@pytest.mark.parametrize(
    ("spoil", "failing"),
    [
        (lambda events: events, ""),
        (without("conversation.item.done"), "the message is acknowledged"),
        (moved_to_end("conversation.item.added"), "the response opens and closes"),
        (without("response.created"), "response.created comes before"),
        (changed("response.output_audio_transcript.done", transcript="x"), "2 transcript deltas"),
        (without(AUDIO), "audio came"),
        (changed(AUDIO, delta="AAAA"), "audio came"),
        (changed(AUDIO, delta="?"), "audio came"),
        (without(DONE), "exactly one response.done"),
        (lambda events: events + answer(1)[-2:], "exactly one response.done"),
        (changed(DONE, response={"id": "resp_1", "status": "failed"}), "exactly one response.done"),
        (moved_to_end(AUDIO), "nothing of the response after"),
        (lambda events: [*events, {"type": "conversation.created"}], "every event has the form"),
        (changed("response.output_item.added", output_index="x"), "every event has the form"),
        (lambda events: [*events, {"type": "response.cancelled"}], "every event has the form"),
        (lambda events: [{"type": "error", "error": {"message": "no"}}, *events], "no error"),
        (lambda events: [], "exactly one response.done"),
    ],
)
def test_what_is_wrong_with_a_typed_turn(spoil: Spoil, failing: str) -> None:
    failed = failures(replay(spoil(typed_turn())))
    assert any(name.startswith(failing) for name in failed) if failing else not failed


@pytest.mark.parametrize(
    ("spoil", "failing"),
    [
        (lambda events: events, ""),
        (without("input_audio_buffer.speech_started"), "speech_started, speech_stopped"),
        (moved_to_end("input_audio_buffer.committed"), "speech_started, speech_stopped"),
        (changed("input_audio_buffer.committed", item_id="item_x"), "one item id"),
        (changed(TRANSCRIBED, transcript=" "), "one transcription.completed"),
        (changed(TRANSCRIBED, usage=None), "one transcription.completed"),
        (without(TRANSCRIBED), "one transcription.completed"),
        (changed(f"{verdicts.TRANSCRIPTION}.delta", delta="x"), "transcription deltas"),
        (lambda events: [SPEECH, *events], "the recording is one turn"),
    ],
)
def test_what_is_wrong_with_a_spoken_turn(spoil: Spoil, failing: str) -> None:
    failed = failures(replay(spoil([SPEECH, *spoken_turn("item_s")])), spoken=True)
    assert any(name.startswith(failing) for name in failed) if failing else not failed


def test_the_end_of_speech_is_where_the_last_sound_is() -> None:
    assert speech_sample.speech_end(b"\x00\x10" * 100 + bytes(200)) == 200
    assert speech_sample.speech_end(bytes(200)) == 200
    assert speech_sample.speech_end(b"") == 0


@pytest.mark.parametrize(
    ("said", "failed"),
    [("Hello.", []), ("What is the weather like?", ["what was said is heard"]), (None, [])],
)
def test_what_was_said_must_be_heard_where_it_is_known(said: str | None, failed: list[str]) -> None:
    turn = replay([SPEECH, *spoken_turn("item_s")])
    found = [check.name for check in verdicts.check_spoken(turn, said) if not check.passed]
    assert [name.partition(":")[0] for name in found] == failed
