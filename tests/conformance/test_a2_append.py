"""§A.2: `input_audio_buffer.append`: no answer, unless it cannot be taken."""

from __future__ import annotations

import base64
import json
import os

import pytest

from flow.steps import at_once
from session.effects import Transcribe
from session.ports import FailureReason
from session.reports import TurnFailed
from tests.conformance.misuse import missing, other, refusals
from tests.conformance.sequences import driver
from tests.support.counts import counted
from tests.support.running_server import running, scripted_settings
from tests.support.session_driver import MAX_EVENT_LENGTH, Driver, encoded, of, pcm, types
from tests.support.wire_client import client, speech
from wire.dialect import GADialect
from wire.envelope import encode_audio
from wire.errors import ProtocolError
from wire.incoming import AppendedAudio, EventReader
from wire.long_strings import LONG
from wire.reading import MAX_AUDIO_BYTES, decode_audio

COMMITTED = "input_audio_buffer.committed"
NOT_BASE64 = (
    "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) "
    "but got an invalid value."
)


ROWS = [
    other("not base64", "input_audio_buffer.append", "invalid_value", "audio", NOT_BASE64,
          audio="%%%"),
    other("empty", "input_audio_buffer.append", "invalid_value", "audio", audio=""),
    other("no audio", "input_audio_buffer.append", "missing_required_parameter", "audio",
          missing("audio")),
    other("audio is no text", "input_audio_buffer.append", "invalid_type", "audio", audio=5),
    other("unknown field", "input_audio_buffer.append", "unknown_parameter", "rate",
          audio="AAAA", rate=16000),
]  # fmt: skip


test_a_misuse_is_answered_by_one_error_and_nothing_is_applied = refusals(ROWS)


def test_append_is_not_acknowledged_and_hands_its_audio_on() -> None:
    d = driver()
    assert d.append(20) == []
    reader = EventReader(GADialect(), MAX_EVENT_LENGTH)
    frame = f'{{"type":"input_audio_buffer.append","audio":"{encoded(pcm(20))}"}}'
    came = at_once(reader.read(frame))
    assert came == AppendedAudio(pcm(20))
    assert reader.read_append(frame) == came
    assert d.session.append(pcm(20)) == ([], pcm(20))


@pytest.mark.parametrize(
    "encoded", ["%%%%", "AAA", "AA=A", "AA AA", "AAAA\t", "AAAA\x0b", "ÄAAA", "A", "-_-_"]
)
def test_audio_that_is_not_base64_is_refused(encoded: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_audio(encoded)
    assert (caught.value.code, caught.value.param) == ("invalid_value", "audio")
    assert caught.value.message == (
        "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) "
        "but got an invalid value."
    )


@pytest.mark.parametrize(
    "lines",
    ["AAAA\n", "AAAA\r\nAAAA\r\n", "AA\rAA", "\nAAAA", "AAAA\n\n\nAA=\n=", "AAAAA\nAAA"],
)
def test_base64_may_have_line_ends(lines: str) -> None:
    in_one_line = lines.replace("\r", "").replace("\n", "")
    assert decode_audio(lines) == decode_audio(in_one_line)


def in_lines(audio: bytes) -> str:
    """Base64 as MIME wants it."""
    return base64.encodebytes(audio).decode().replace("\n", "\r\n")


@pytest.mark.parametrize("ms", [5, 20, 100, 2_000, 20_000])
@pytest.mark.parametrize("escaped", [False, True])
def test_an_append_in_lines_is_the_same_audio_by_every_way(ms: int, escaped: bool) -> None:
    audio = os.urandom(ms * 48)
    text = json.dumps(in_lines(audio))
    if escaped:
        # As .NET, PHP and Java write it.
        text = text.replace("+", "\\u002B").replace("/", "\\/").replace("=", "\\u003d")
    frame = f'{{"type":"input_audio_buffer.append","audio":{text}}}'
    reader = EventReader(GADialect(), 16 * 1024)
    assert at_once(reader.read(frame)) == AppendedAudio(audio)
    # Long frames have no fast path.
    assert reader.read_append(frame) == (AppendedAudio(audio) if len(frame) <= LONG else None)


def test_audio_of_line_ends_alone_is_empty() -> None:
    with pytest.raises(ProtocolError, match="but got empty bytes"):
        decode_audio("\r\n")


async def test_audio_in_lines_is_heard_on_a_socket() -> None:
    audio = pcm(1000)
    async with running() as server, client(server.url) as wire:
        await wire.update(audio={"input": {"turn_detection": None}})
        for start in range(0, len(audio), 4800):
            piece = in_lines(audio[start : start + 4800])
            await wire.send("input_audio_buffer.append", audio=piece)
        await wire.send("input_audio_buffer.commit")
        item_id = (await wire.until("conversation.item.done"))["item"]["id"]
        await wire.send("conversation.item.retrieve", item_id=item_id)
        (part,) = (await wire.until("conversation.item.retrieved"))["item"]["content"]
        assert base64.b64decode(part["audio"]) == audio
        part = {"type": "input_audio", "audio": in_lines(audio), "transcript": "yes"}
        message = {"type": "message", "role": "user", "content": [part], "id": "mine"}
        await wire.send("conversation.item.create", item=message)
        await wire.send("conversation.item.retrieve", item_id="mine")
        (part,) = (await wire.until("conversation.item.retrieved"))["item"]["content"]
        assert base64.b64decode(part["audio"]) == audio


def test_empty_audio_is_refused_as_empty() -> None:
    with pytest.raises(ProtocolError, match="but got empty bytes") as caught:
        decode_audio("")
    assert (caught.value.code, caught.value.param) == ("invalid_value", "audio")
    assert caught.value.message.startswith(
        "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) but got "
    )


def test_one_event_carries_at_most_15_mib_of_audio() -> None:
    assert len(decode_audio(encode_audio(bytes(MAX_AUDIO_BYTES)))) == 15 * 1024 * 1024
    with pytest.raises(ProtocolError) as caught:
        decode_audio(encode_audio(bytes(MAX_AUDIO_BYTES + 1)))
    assert (caught.value.code, caught.value.param) == ("invalid_value", "audio")


async def test_each_turn_of_a_file_is_answered_behind_its_end() -> None:
    turns = b"".join(speech(name) for name in ("flite-slt_s10", "flite-slt_s01", "flite-slt_s02"))
    async with running() as server, client(server.url) as wire:
        await wire.append(turns, len(turns))
        for _ in range(3):
            done = await wire.until("response.done")
            assert done["response"]["status"] == "completed"
        order = [
            event
            for event in wire.types()
            if event in ("input_audio_buffer.speech_started", COMMITTED, "response.created")
        ]
        heard = ["input_audio_buffer.speech_started", COMMITTED]
        assert order == [*heard * 3, *["response.created"] * 3]
        # Each answer stands behind the turn that it answers.
        committed = [event["item_id"] for event in wire.of(COMMITTED)]
        answers = [
            event["previous_item_id"]
            for event in wire.of("conversation.item.added")
            if event["item"]["role"] == "assistant"
        ]
        assert answers == committed


async def test_nothing_is_begun_in_vain_for_the_turns_of_a_file() -> None:
    turns = speech("flite-slt_s10") * 3
    async with running() as server, client(server.url) as wire:
        await wire.append(turns, len(turns))
        for _ in range(3):
            await wire.until("response.done")
        assert (await counted(server))['realtime_speculations_total{stack="default"}'] == 0


async def test_the_turns_of_a_file_interrupt_each_other_where_that_is_set() -> None:
    turns = speech("flite-slt_s10") * 3
    live = scripted_settings(turns={"file_mode": False})
    async with running(live) as server, client(server.url) as wire:
        await wire.append(turns, len(turns))
        ended = [await wire.until("response.done") for _ in range(3)]
        assert [end["response"]["status"] for end in ended[:2]] == ["cancelled"] * 2


def test_what_the_client_asks_for_in_a_file_answers_all_of_it() -> None:
    d = Driver()
    d.session.file_came()
    for at in range(2):
        assert "response.created" not in types(d.speak(2048 * at, 2048 * at + 960))
        d.heard(d.items()[-1], f"Turn {at}.")
    assert types(d.respond()) == ["response.created"]
    assert [message["content"] for message in d.requests[-1].messages] == ["Turn 0.", "Turn 1."]
    assert d.perform(d.session.file_over()) == []
    assert "response.created" not in types(d.text("Yes.") + d.finish())


def test_a_file_interrupts_the_answer_before_it_once() -> None:
    d = Driver()
    d.respond()
    d.text("Once upon")
    d.session.file_came()
    events = d.speak(0, 960)
    assert [done["response"]["status"] for done in of(events, "response.done")] == ["cancelled"]
    events += d.speak(2048, 3008)
    assert "response.created" not in types(events)
    for item_id in d.items()[-2:]:
        d.heard(item_id, item_id)
    events = d.perform(d.session.file_over())
    for _ in range(2):
        assert types(events)[-1] == "response.created"
        d.text("Yes.")
        events = d.finish()
    assert types(events)[-1] != "response.created"


def test_a_turn_of_a_file_that_was_not_understood_has_a_failed_response() -> None:
    d = Driver()
    d.session.file_came()
    d.speak()
    d.report(TurnFailed(d.items()[0], FailureReason("It is gone.")))
    created, done = d.perform(d.session.file_over())
    assert (created["type"], done["response"]["status"]) == ("response.created", "failed")
    assert done["response"]["status_details"]["error"]["message"] == "It is gone."


def test_half_a_sample_waits_for_its_other_half() -> None:
    d = Driver()
    d.manual()
    audio = pcm(200)
    for piece in (audio[:4799], audio[4799:]):
        assert d.send("input_audio_buffer.append", audio=encoded(piece)) == []
    d.send("input_audio_buffer.commit")
    assert [transcribe.clip.audio for transcribe in d.kind(Transcribe)] == [audio]
