"""Who is let in: API keys, client secrets, and what is never shown of either."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from loguru import logger
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from config import ConfigError, ServerConfig, load_settings
from main import create_app
from serving.access.client_secrets import PREFIX
from telemetry.logs import configure_logging
from tests.support.keys import KEY, OTHER, WRONG, guarded
from tests.support.running_server import SCRIPTED, plain_http
from tests.support.wire_client import client, refusal, speech


@pytest.mark.parametrize("key", [KEY, OTHER])
@pytest.mark.parametrize("place", ["bearer", "azure", "browser"])
async def test_a_key_opens_a_session_wherever_it_stands(key: str, place: str) -> None:
    places: dict[str, dict[str, Any]] = {
        "bearer": {"additional_headers": {"Authorization": f"Bearer {key}"}},
        "azure": {"additional_headers": {"api-key": key}},
        "browser": {
            "subprotocols": [
                Subprotocol("realtime"),
                Subprotocol(f"openai-insecure-api-key.{key}"),
            ]
        },
    }
    async with guarded() as server, client(server.url, **places[place]):
        assert await server.active_sessions() == 1


async def test_whoever_has_no_key_is_told_and_turned_away() -> None:
    async with guarded() as server:
        error, code, _ = await refusal(server.url)
        assert (error["code"], code) == (None, 3000)
        assert error["message"] == "Missing bearer or basic authentication in header"
        headers = {"Authorization": f"Bearer {WRONG}"}
        error, code, _ = await refusal(server.url, additional_headers=headers)
        assert (error["code"], code) == ("invalid_api_key", 3000)
        assert WRONG not in error["message"]
        azure = server.url.replace("/v1/realtime", "/openai/v1/realtime")
        with pytest.raises(InvalidStatus) as refused:
            await connect(azure, additional_headers={"api-key": WRONG})
        assert refused.value.response.status_code == 401


def endpoints() -> list[tuple[str, str]]:
    """Every method and path that the application answers by HTTP."""
    paths = create_app(load_settings(**SCRIPTED)).openapi()["paths"]
    return [
        (method.upper(), path.replace("{rest}", "rtc_1/accept").replace("{name}", "one"))
        for path, methods in paths.items()
        for method in methods
    ]


async def test_every_endpoint_but_health_and_the_probes_needs_a_key() -> None:
    without = {"/health", "/livez", "/readyz"}
    guarded_ones = [found for found in endpoints() if found[1] not in without]
    assert {("GET", "/metrics"), ("POST", "/v1/realtime/client_secrets")} <= {*guarded_ones}
    async with guarded() as server, plain_http(base_url=server.http) as http:
        for method, path in guarded_ones:
            refused = await http.request(method, path, json={})
            assert refused.status_code == 401, path
            assert "authentication" in refused.json()["error"]["message"]
            headers = {"Authorization": f"Bearer {KEY}"}
            assert (await http.request(method, path, json={}, headers=headers)).status_code != 401
        for path in without:
            assert (await http.get(path)).status_code == 200
            assert (await http.head(path)).status_code == 200
        for path in ("/openapi.json", "/docs", "/redoc"):
            assert (await http.get(path)).status_code == 404
        error, code, _ = await refusal(f"{server.url.partition('?')[0]}/translations")
        assert (error["code"], code) == (None, 3000)


async def test_a_client_secret_opens_a_session_but_makes_no_further_ones() -> None:
    async with guarded() as server, plain_http(base_url=server.http) as http:
        path = "/v1/realtime/client_secrets"
        made = await http.post(path, json={}, headers={"Authorization": f"Bearer {KEY}"})
        bearer = {"Authorization": f"Bearer {made.json()['value']}"}
        async with client(server.url, additional_headers=bearer):
            pass
        assert (await http.get("/v1/models", headers=bearer)).status_code == 200
        refused = await http.post(path, json={}, headers=bearer)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")


def test_keys_come_from_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALTIME_API_KEYS", f"{KEY}, {OTHER}")
    keys = [key.get_secret_value() for key in load_settings().server.api_keys]
    assert keys == [KEY, OTHER]


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("short", "at least 16 characters"),
        ("ek_sixteen_characters", "'ek_'"),
        ("é" * 20, "in a header"),
        ("sixteen characters", "in a header"),
        ("a-key-with-a-tab\tin-it", "in a header"),
        ("a-key-with-a-line\nbreak-in-it", "in a header"),
        ("a-key-that-rings-a-bell\a", "in a header"),
        ("a-key-with-a-dele\x7fte", "in a header"),
    ],
)
@pytest.mark.parametrize("by_variable", [True, False])
def test_a_key_that_can_be_guessed_or_not_be_sent_is_refused_and_not_shown(
    key: str, reason: str, by_variable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by_variable:
        monkeypatch.setenv("REALTIME_API_KEYS", f"{KEY},{key}")
    groups = {} if by_variable else {"server": {"api_keys": [KEY, key]}}
    with pytest.raises(ConfigError, match=reason) as complaint:
        load_settings(**groups)
    message = str(complaint.value)
    assert "server.api_keys" in message
    assert "REALTIME_API_KEYS" in message
    assert key not in message
    assert repr(key)[1:-1] not in message
    assert KEY not in message


async def test_every_sign_that_a_header_can_carry_may_be_in_a_key() -> None:
    # In a list of a file: in a variable commas part the keys.
    key = "".join(map(chr, range(ord("!"), ord("~") + 1)))
    headers = {"Authorization": f"Bearer {key}"}
    async with guarded(api_keys=[key]) as server, plain_http(base_url=server.http) as http:
        assert (await http.get("/v1/models", headers=headers)).status_code == 200


async def test_every_key_is_compared_whole_and_in_constant_time(monkeypatch: pytest.MonkeyPatch):
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def noted(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    async with guarded() as server, plain_http(base_url=server.http) as http:
        for key in (KEY, OTHER, WRONG):
            await http.get("/v1/models", headers={"Authorization": f"Bearer {key}"})
            assert len(compared) == 2
            # Of one length, whatever the client sent.
            assert {len(digest) for pair in compared for digest in pair} == {32}
            compared.clear()
        forged = f"{PREFIX}{'A' * 100}"
        await http.get("/v1/models", headers={"Authorization": f"Bearer {forged}"})
        assert len(compared) == 1


@pytest.fixture
def verbose_log(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """All that the server and its libraries say at the most talkative level."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging(ServerConfig(debug=True))
    yield lambda: "".join(capfd.readouterr())
    logger.remove()
    logger.disable("pipecat")
    # What libraries say would be in the log of the tests that follow.
    root.handlers[:] = handlers
    root.setLevel(level)


async def test_no_key_no_token_and_no_audio_reaches_the_log(verbose_log: Callable[[], str]) -> None:
    async with guarded(debug=True) as server, plain_http(base_url=server.http) as http:
        headers = {"Authorization": f"Bearer {KEY}"}
        made = await http.post("/v1/realtime/client_secrets", json={}, headers=headers)
        token = made.json()["value"]
        browser = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{token}")]
        async with client(server.url, subprotocols=browser) as wire:
            await wire.append(speech())
            await wire.until("response.done")
        async with client(server.url, additional_headers={"api-key": OTHER}) as other:
            await other.settled()
        await refusal(server.url, additional_headers={"Authorization": f"Bearer {WRONG}"})
        await refusal(server.url, additional_headers={"Authorization": f"Bearer {token}x"})
        await server.emptied()
    log = verbose_log()
    for said in ("WebSocket /v1/realtime", "closed after", "Linking"):
        assert said in log, "the log is not as talkative as it can be"
    audio = [event["audio"] for event in wire.sent if "audio" in event]
    audio += [event["delta"] for event in wire.of("response.output_audio.delta")]
    for secret in (KEY, OTHER, WRONG, token, *(piece[400:440] for piece in audio)):
        assert secret not in log
