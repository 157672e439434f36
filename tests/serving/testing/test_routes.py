"""`/testing/…`: a script by HTTP, what came, and the end of a test."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from config import ConfigError, load_settings
from main import main
from tests.support.double import Double, double
from tests.support.running_server import plain_http, running, scripted_settings
from tests.support.wire_client import client, speech

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = "a-key-of-the-tests-1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Double]:
    async with double() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def server(shared: Double) -> AsyncIterator[Double]:
    yield shared
    await shared.http.post("/testing/reset")


async def test_the_paths_are_there_with_testing_alone():
    async with running(scripted_settings()) as server, plain_http(base_url=server.http) as http:
        for path in ("/testing/script", "/testing/events", "/testing/sessions"):
            assert (await http.get(path)).status_code == 404
        assert (await http.post("/testing/reset")).status_code == 404


async def test_they_need_a_key_where_keys_are_configured():
    async with double(server={"api_keys": [KEY]}) as server:
        assert (await server.http.get("/testing/events")).status_code == 401
        asked = {"Authorization": f"Bearer {KEY}"}
        minted = await server.http.post("/v1/realtime/client_secrets", headers=asked)
        secret = {"Authorization": f"Bearer {minted.json()['value']}"}
        assert (await server.http.post("/testing/reset", headers=secret)).status_code == 401
        assert (await server.http.get("/testing/events", headers=asked)).status_code == 200


async def test_pages_of_other_sites_are_refused(server: Double):
    site = {"Origin": "https://site.example"}
    for path in ("/testing/script", "/testing/reset"):
        answer = await server.http.post(path, content="[]", headers=site)
        assert answer.status_code == 403, answer.text
        assert answer.json()["error"]["code"] == "origin_not_allowed"
    assert (await server.http.get("/testing/events", headers=site)).status_code == 403


async def test_without_keys_they_answer_this_machine_alone():
    async with double(server={"insecure": True}) as server:
        for host, status in (("192.0.2.1", 403), ("127.0.0.1", 200)):
            other = httpx.ASGITransport(server.app, client=(host, 50_000))
            async with httpx.AsyncClient(transport=other, base_url="http://here") as http:
                answer = await http.get("/testing/script")
            assert answer.status_code == status
            assert (status == 200) or "this machine alone" in answer.json()["error"]["message"]


async def test_what_was_asked_and_sent_can_be_read_and_waited_for(server: Double):
    await server.script({"answers": "It is sunny."}, {"answers": "never asked for"})
    async with client(server.url) as wire:
        await wire.say("hello")
        await wire.until("response.done")
        # A client does not know when what it has sent has come.
        waited = await server.events(type="response.create", wait_s="60")
        assert [event["type"] for event in waited] == ["response.create"]
        await wire.send("no.such.event", mine="kept")
        await wire.until("error")
        assert (await server.events())[-1] == {"type": "no.such.event", "mine": "kept"}
        [session] = await server.sessions()
        assert session["ended"] is None and session["model"] == "gpt-realtime"
        assert session["session"]["model"] == "gpt-realtime"
        assert session["conversation"] == "user: hello\nassistant: It is sunny."
        assert session["spoken_bytes"] > 0
    state = (await server.http.get("/testing/script")).json()["rules"]
    assert [rule["taken"] for rule in state] == [1, 0]


async def test_a_client_of_the_beta_finds_the_names_of_its_dialect(server: Double):
    beta = {"OpenAI-Beta": "realtime=v1"}
    async with connect(server.url, proxy=None, max_size=None, additional_headers=beta) as socket:
        await socket.send('{"type": "response.create"}')
        while json.loads(await socket.recv())["type"] != "response.done":
            pass
    got = await server.events(**{"from": "server", "type": "response.audio.delta"})
    assert got and set(got[0]["delta"]) == {"bytes"}


async def test_a_translation_is_heard_and_answered_by_the_script(server: Double):
    await server.script({"hears": "guten tag"}, {"answers": "good day", "when": "guten"})
    url = f"{server.url.partition('?')[0]}/translations?model=gpt-realtime-translate"
    audio = {"audio": base64.b64encode(speech()).decode()}
    async with connect(url, proxy=None, max_size=None) as socket:
        await socket.send(json.dumps({"type": "session.input_audio_buffer.append", **audio}))
        types: list[str] = []
        while types[-1:] != ["session.output_audio.delta"]:
            types.append(json.loads(await socket.recv())["type"])
    [session] = await server.sessions()
    assert session["heard_bytes"] == len(speech()) and session["spoken_bytes"] > 0
    [append] = await server.events(type="session.input_audio_buffer.append")
    assert append["audio"] == {"bytes": len(speech())}
    [first, *_] = await server.events(**{"from": "server", "type": "session.output_audio.delta"})
    assert set(first["delta"]) == {"bytes"}


async def test_waiting_ends_with_what_there_is(server: Double):
    assert await server.events(type="response.create", wait_s="0.01") == []


async def test_a_reset_ends_sessions_and_forgets_what_came(server: Double):
    await server.script({"stalls": 0}, {"answers": "left over"})
    async with client(server.url) as wire:
        await wire.say("hello")
        await wire.until("response.created")
        answer = await server.http.post("/testing/reset")
        assert answer.json() == {"sessions": 0}
        with pytest.raises(ConnectionClosed):
            while True:
                await wire.receive()
    assert await server.sessions() == []
    assert (await server.http.get("/testing/script")).json() == {"rules": []}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'[{"answers": "x"}, {"answer": "y"}]', "script[1]: says nothing to do"),
        (b"[{]", "script: is no JSON: "),
        (b"\xff", "script: is no JSON: "),
        (b"[" * 100_000, "script: is nested too deeply"),
        (b'["' + b"x" * 1024 * 1024 + b'"]', "The request body is larger than 1048576 bytes."),
    ],
)
async def test_a_script_that_cannot_be_used_is_one_line(server: Double, body: bytes, said: str):
    answer = await server.http.post("/testing/script", content=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "invalid_script")
    assert said in error["message"] and "\n" not in error["message"]
    assert (await server.http.get("/testing/script")).json() == {"rules": []}


@pytest.mark.parametrize(
    ("frame", "type_"),
    [
        ('{"type": "half.emoji", "text": "\\ud83d"}', "half.emoji"),
        ('{"type": "no.number", "n": NaN}', None),
        ('{"type": "no.number", "n": 1e999}', None),
        ('{"type": "deep", "x": ' + "[" * 900 + "]" * 900 + "}", None),
        ("[" * 100_000, None),
    ],
)
async def test_whatever_a_client_sends_can_be_read(server: Double, frame: str, type_: str | None):
    async with client(server.url) as wire:
        await wire.socket.send(frame)
        await wire.until("error")
        await wire.say("and on it goes")
        await wire.until("response.done")
    first, *_rest = await server.events()
    assert first.get("type") == type_
    assert (await server.http.get("/testing/sessions")).status_code == 200


@pytest.mark.parametrize("number", ["NaN", "1e999", "-Infinity"])
async def test_a_script_has_no_numbers_that_are_none(server: Double, number: str):
    rule = f'[{{"calls": [{{"name": "f", "arguments": {{"a": {number}}}}}]}}]'
    answer = await server.http.post("/testing/script", content=rule)
    assert answer.status_code == 400
    half = '[{"calls": [{"name": "f", "arguments": {"a": "\\ud83d"}}]}]'
    assert (await server.http.post("/testing/script", content=half)).status_code == 200
    assert len((await server.http.get("/testing/script")).json()["rules"]) == 1


async def test_another_method_is_told_of_both(server: Double):
    answer = await server.http.put("/testing/script", content=b"[]")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "POST"}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("kind=error", "kind: there is no such parameter"),
        ("from=me", "from: must be 'client' or 'server'"),
        ("type=response.creatd", "type: there is no event 'response.creatd'. Did you mean"),
        ("wait_s=soon", "wait_s: must be a number up to 60"),
        ("wait_s=61", "wait_s: must be a number up to 60"),
    ],
)
async def test_a_question_that_cannot_be_answered_is_one_line(
    server: Double, query: str, said: str
):
    answer = await server.http.get(f"/testing/events?{query}")
    assert answer.status_code == 400 and said in answer.json()["error"]["message"]


async def test_audio_of_an_unknown_session_is_not_found(server: Double):
    answer = await server.http.get("/testing/sessions/sess_1/heard")
    assert answer.status_code == 404 and "sess_1" in answer.json()["error"]["message"]


async def test_there_is_nothing_to_check_of_a_script():
    with pytest.raises(SystemExit, match=r"With server\.testing a script is played, and there is"):
        main(["--testing", "--check"])


async def test_a_script_is_of_one_worker():
    with pytest.raises(ConfigError, match=r"server\.testing: a script is of one process"):
        load_settings(server={"testing": True, "workers": 2})
