"""A recorded server plays its side to a client, and tells what that does otherwise."""

from __future__ import annotations

import asyncio
import base64
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from recordings.client_test import How, served
from recordings.reading import BadRecording
from recordings.timeline import Message
from tests.support.recorded_side import QUICK, TOOLS, connected, laid, written
from tests.support.running_server import plain_http

TELEPHONE = "openai-python-telephone"
HURRIED = How(fast=True, patience_s=0.2)
"""Does not wait long for what does not come."""


def client(*events: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"t": 1.0 + at, "from": "client", "event": one} for at, one in enumerate(events)]


def server(*events: dict[str, Any], at: float = 2.0) -> list[dict[str, Any]]:
    return [{"t": at, "from": "server", "event": one} for one in events]


def sent(name: str = TOOLS) -> list[Message]:
    return laid(name).of("client")


def changed(message: Message, **fields: Any) -> Message:
    return replace(message, event={**(message.event or {}), **fields})


async def test_a_client_that_does_the_same_differs_in_nothing() -> None:
    async with connected(laid()) as wire:
        await wire.play(sent())
        outcome = await wire.outcome()
    assert (outcome.differences, outcome.facts, outcome.late) == ([], [], [])
    assert outcome.came == 13
    assert outcome.sent == len(laid().of("server"))


async def test_what_the_server_says_waits_for_what_the_client_says() -> None:
    async with connected(laid()) as wire:
        messages = sent()
        await wire.until("session.created")
        await wire.socket.send(messages[0].written())
        await wire.until("session.updated")
        # Behind the item comes nothing of the answer until it is asked for.
        await wire.socket.send(messages[1].written())
        await wire.until("conversation.item.done")
        await wire.socket.send(messages[2].written())
        done = await wire.until("response.done")
        assert [item["name"] for item in done["response"]["output"]] == ["get_weather", "get_time"]
        outcome = await wire.outcome()
    assert {one.kind for one in outcome.differences} == {"missing"}
    assert outcome.facts[-1].startswith("the client left before conversation.item.added came (")


async def test_who_leaves_behind_the_last_answer_has_missed_nothing(tmp_path: Path) -> None:
    done = {"type": "response.done", "response": {}}
    rows = [
        *server(done, at=1),
        *server({"type": "conversation.item.retrieved", "item": {}}, at=40_000),
    ]
    path = tmp_path / "a.jsonl"
    for told, facts in (
        (written(path, rows), []),
        (
            written(path, [*rows, *server(done, at=40_001)]),
            ["the client left before conversation.item.retrieved came (events behind it: 1)"],
        ),
    ):
        async with connected(told, replace(QUICK, fast=False)) as wire:
            await wire.until("response.done")
            assert (await wire.outcome()).facts == facts


async def test_nothing_is_late_of_who_has_said_goodbye_and_reads_no_more(tmp_path: Path) -> None:
    said = server(*({"type": "response.done", "response": {}} for _time in range(40)))
    asked = client({"type": "response.create"})
    told = written(tmp_path / "a.jsonl", [*said, *asked, *said])
    # What it has not read keeps its connection from being closed.
    async with connected(told, HURRIED, max_queue=1, close_timeout=1.0) as wire:
        await wire.until("response.done")
        outcome = await wire.outcome()
    assert outcome.late == []
    assert [one.type for one in outcome.differences] == ["response.create"]


async def test_what_is_missing_further_and_other_is_told() -> None:
    messages = sent()
    session = dict((messages[0].event or {})["session"], instructions="Be long.")
    said = [changed(messages[0], session=session), *messages[1:]]
    said.insert(3, Message("client", 0, {"type": "input_audio_buffer.clear"}))
    deleted = next(one for one in said if one.type == "conversation.item.delete")
    said.remove(deleted)
    async with connected(laid(), HURRIED) as wire:
        await wire.play(said)
        outcome = await wire.outcome()
    found = {(one.kind, one.type, one.field) for one in outcome.differences}
    assert found == {
        ("other", "session.update", "session.instructions"),
        ("further", "input_audio_buffer.clear", ""),
        ("missing", "conversation.item.delete", ""),
    }
    [other] = [one for one in outcome.differences if one.kind == "other"]
    assert (other.was, other.now) == ("Be brief.", "Be long.")
    assert outcome.late == ["conversation.item.delete"]


async def test_another_order_is_told_unless_it_is_ignored() -> None:
    messages = sent()
    asked = next(at for at, one in enumerate(messages) if one.type == "response.create")
    messages[asked - 1], messages[asked] = messages[asked], messages[asked - 1]
    for ignore, kinds in (((), ["order"]), (("order",), [])):
        async with connected(laid(), replace(QUICK, ignore=ignore)) as wire:
            await wire.play(messages)
            outcome = await wire.outcome()
        assert [one.kind for one in outcome.differences] == kinds


async def test_what_is_no_event_is_something_else_than_the_recorded_client_sent() -> None:
    async with connected(laid()) as wire:
        await wire.socket.send("no JSON")
        await wire.socket.send(b"\x00\x01")
        await wire.play(sent())
        outcome = await wire.outcome()
    assert [one.kind for one in outcome.differences] == ["further", "further"]


async def test_audio_may_be_cut_otherwise() -> None:
    whole = b"".join(one.audio for one in sent(TELEPHONE))
    appends = [
        {"type": "input_audio_buffer.append", "audio": base64.b64encode(piece).decode()}
        for piece in (whole[at : at + 1234] for at in range(0, len(whole), 1234))
    ]
    update, truncate = (one.event or {} for one in sent(TELEPHONE) if not one.carries_audio)
    async with connected(laid(TELEPHONE)) as wire:
        await wire.send(update, *appends[:40])
        playing = await wire.until("response.output_audio.delta")
        await wire.send(*appends[40:], {**truncate, "audio_end_ms": 123})
        await wire.until("response.done")
        done = await wire.until("response.done")
        outcome = await wire.outcome()
    assert playing["item_id"] == truncate["item_id"]
    assert done["response"]["status"] == "completed"
    assert (outcome.differences, outcome.facts, outcome.late) == ([], [], [])


async def test_less_audio_is_told_and_the_server_goes_on() -> None:
    messages = sent(TELEPHONE)
    async with connected(laid(TELEPHONE), HURRIED) as wire:
        await wire.play([one for at, one in enumerate(messages) if at < 40 or at % 2])
        outcome = await wire.outcome()
    [less] = outcome.differences
    assert (less.kind, less.type, less.field) == ("other", "input_audio_buffer.append", "audio")
    assert "input_audio_buffer.append" in outcome.late


async def test_a_commit_at_another_place_is_told() -> None:
    messages = sent("azure-js-push-to-talk")
    commit = next(one for one in messages if one.type == "input_audio_buffer.commit")
    said = [one for one in messages if one is not commit]
    said.insert(11, commit)
    headers = {"OpenAI-Beta": "realtime=v1"}
    for ignore in ((), ("audio",)):
        how = replace(QUICK, ignore=ignore)
        async with connected(
            laid("azure-js-push-to-talk"), how, additional_headers=headers
        ) as wire:
            await wire.play(said)
            outcome = await wire.outcome()
        told = "input_audio_buffer.commit 1 came behind 1.0 s of audio, and was behind 3.9 s"
        assert outcome.facts == ([] if ignore else [told])


async def test_another_dialect_is_told() -> None:
    async with connected(laid("reference-js-cancel")) as wire:
        await wire.play(sent("reference-js-cancel"))
        outcome = await wire.outcome()
    assert outcome.facts == [
        "the client speaks the dialect ga; the recorded one spoke beta",
    ]


async def test_ids_that_a_client_chooses_are_its_own(tmp_path: Path) -> None:
    """The recorded one named its item by chance; this one names it otherwise."""
    item = {"type": "message", "role": "user", "content": []}
    rows = [
        *client(
            {"type": "conversation.item.create", "event_id": "e_1", "item": {"id": "mine", **item}},
            {"type": "response.create", "response": {"metadata": {"token": "abc"}}},
        ),
        *server(
            {"type": "conversation.item.added", "previous_item_id": None, "item": {"id": "mine"}},
            {"type": "error", "event_id": "event_1", "error": {"code": "x", "event_id": "e_1"}},
            {"type": "response.created", "response": {"id": "r", "metadata": {"token": "abc"}}},
        ),
        *client({"type": "conversation.item.delete", "item_id": "mine"}),
        *server({"type": "conversation.item.deleted", "item_id": "mine"}, at=9),
    ]
    async with connected(written(tmp_path / "a.jsonl", rows)) as wire:
        await wire.send(
            {
                "type": "conversation.item.create",
                "event_id": "e_9",
                "item": {"id": "other", **item},
            },
            {"type": "response.create", "response": {"metadata": {"token": "xyz"}}},
            {"type": "conversation.item.delete", "item_id": "other"},
        )
        await wire.until("conversation.item.deleted")
        outcome = await wire.outcome()
    added, error, created, deleted = wire.events
    assert added["item"]["id"] == deleted["item_id"] == "other"
    assert error["error"]["event_id"] == "e_9"
    assert created["response"]["metadata"] == {"token": "xyz"}
    assert outcome.differences == []


async def test_another_item_of_the_server_is_another_thing() -> None:
    messages = sent()
    deleted = next(at for at, one in enumerate(messages) if one.type == "conversation.item.delete")
    messages[deleted] = changed(messages[deleted], item_id="item_that_never_was")
    async with connected(laid(), HURRIED) as wire:
        await wire.play(messages)
        outcome = await wire.outcome()
    assert {(one.kind, one.type) for one in outcome.differences} == {
        ("missing", "conversation.item.delete"),
        ("further", "conversation.item.delete"),
    }


async def test_it_takes_its_time_unless_it_is_to_be_fast(tmp_path: Path) -> None:
    rows = [
        *server({"type": "session.created", "session": {}}, at=1),
        *server({"type": "session.updated", "session": {}}, at=30_001),
    ]
    path = tmp_path / "slow.jsonl"
    async with connected(written(path, rows)) as wire:
        await wire.until("session.updated")
        outcome = await wire.outcome()
    assert outcome.sent == 2
    async with connected(written(path, rows), replace(QUICK, fast=False)) as wire:
        await wire.until("session.created")
        # It is not said for half a minute: who leaves meanwhile has not got it.
        outcome = await wire.outcome()
    assert outcome.sent == 1


async def test_a_session_that_the_server_ended_is_ended_so_again(tmp_path: Path) -> None:
    created = {"type": "session.created", "session": {"expires_at": 1_700_000_060}}
    rows = [*server(created), {"t": 3.0, "end": "its time is up"}]
    began = "2023-11-14T22:13:20.000+00:00"
    async with connected(written(tmp_path / "ended.jsonl", rows, began=began)) as wire:
        await wire.rest()
        outcome = await wire.outcome()
    assert wire.socket.close_code == 1001
    assert outcome.differences == []
    # It would be over before it has begun, at the time of the recording.
    assert wire.events[0]["session"]["expires_at"] == pytest.approx(time.time() + 60, abs=50)


async def test_a_connection_that_was_lost_is_lost_again_and_one_that_expired_expires(
    tmp_path: Path,
) -> None:
    created = {"type": "session.created", "session": {}}
    expired = {"type": "error", "error": {"code": "session_expired", "message": "It is over."}}
    for rows, code in (
        ([*server(created), {"t": 3.0, "end": "the connection was lost"}], 1006),
        ([*server(created, expired), {"t": 3.0, "end": "It is over."}], 1001),
    ):
        async with connected(written(tmp_path / "ended.jsonl", rows)) as wire:
            await wire.rest()
            await wire.outcome()
        assert wire.socket.close_code == code


async def test_what_comes_behind_the_end_of_a_recording_is_no_difference(tmp_path: Path) -> None:
    asked, created = {"type": "response.create"}, {"type": "session.created", "session": {}}
    rows = [*server(created, at=0.5), *client(asked), *server({"type": "response.done"})]
    further = {"type": "input_audio_buffer.clear"}
    for end, count in (([], 0), ([{"t": 3.0, "end": "the client left"}], 1)):
        async with connected(written(tmp_path / "cut.jsonl", [*rows, *end]), HURRIED) as wire:
            await wire.send(asked, further)
            await wire.until("response.done")
            assert len((await wire.outcome()).differences) == count
    # What comes before it is one.
    async with connected(written(tmp_path / "cut.jsonl", rows), HURRIED) as wire:
        await wire.send(further, asked)
        await wire.until("response.done")
        assert [one.type for one in (await wire.outcome()).differences] == [further["type"]]


async def test_a_client_at_another_path_is_told_and_ends_it() -> None:
    async with served(laid(), QUICK) as waits:
        with pytest.raises(InvalidStatus):
            await connect(f"{waits.ws_url}/translations", proxy=None)
        outcome = await waits.outcome()
    assert outcome.facts == [
        "the client asked for /v1/realtime/translations, and the recorded one for /realtime"
    ]


async def test_who_sends_nothing_and_stays_is_waited_for_no_longer_than_said() -> None:
    async with connected(laid(), HURRIED) as wire:
        await wire.rest()
        outcome = await wire.outcome()
    assert wire.socket.close_code == 1000
    assert outcome.late
    assert {one.kind for one in outcome.differences} == {"missing"}
    assert outcome.sent == len(laid().of("server"))


async def test_it_is_played_to_one_client_and_says_so_to_others() -> None:
    async with connected(laid()) as wire:
        await wire.until("session.created")
        with pytest.raises(InvalidStatus) as refused:
            await connect(wire.server.ws_url, proxy=None)
        assert refused.value.response.status_code == 409
        assert b"one client" in bytes(refused.value.response.body or b"")
        with pytest.raises(InvalidStatus) as unknown:
            await connect(wire.server.ws_url.replace("/realtime", "/elsewhere"), proxy=None)
        assert unknown.value.response.status_code == 404
        async with plain_http() as http:
            answer = await http.get(wire.server.base_url)
        assert answer.status_code == 426
        assert wire.server.ws_url in answer.text


async def test_a_subprotocol_is_accepted() -> None:
    async with connected(laid(), subprotocols=["realtime", "openai-insecure-api-key.x"]) as wire:
        assert wire.socket.subprotocol == "realtime"


async def test_a_port_that_is_taken_is_one_line() -> None:
    async with served(laid(), QUICK) as first:
        with pytest.raises(BadRecording, match=rf"cannot listen at 127.0.0.1:{first.port}: \w"):
            async with served(laid(), QUICK, port=first.port):
                pass


async def test_it_waits_until_a_client_has_come() -> None:
    async with served(laid(), QUICK) as server:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(server.outcome(), 0.05)


async def test_a_translation_has_its_own_path_and_events(tmp_path: Path) -> None:
    audio = base64.b64encode(bytes(480)).decode()
    rows = [
        *server({"type": "session.created", "session": {}}, at=1),
        *client({"type": "session.update", "session": {"audio": {}}}),
        *server({"type": "session.input_transcript.delta", "delta": "Hallo"}, at=4),
        *client({"type": "session.close"}),
        *server({"type": "session.closed"}, at=5),
        {"t": 6, "end": "the client closed it"},
    ]
    header = {"dialect": "translation", "kind": "translation"}
    async with connected(written(tmp_path / "a.jsonl", rows, **header)) as wire:
        assert wire.server.ws_url.endswith("/v1/realtime/translations")
        append = {"type": "session.input_audio_buffer.append", "audio": audio}
        await wire.send({"type": "session.update", "session": {"audio": {}}}, append)
        await wire.until("session.input_transcript.delta")
        await wire.send({"type": "session.close"})
        await wire.rest()
        outcome = await wire.outcome()
    assert wire.socket.close_code == 1000
    # The recorded client had said nothing.
    [further] = outcome.differences
    assert (further.kind, further.type) == ("further", "session.input_audio_buffer.append")
