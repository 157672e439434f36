"""What libraries log of a request, without its keys."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.logging import AccessFormatter

from telemetry.key_masks import mask_keys, without_keys


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("GET /openai/realtime?api-key=abc HTTP/1.1", "GET /openai/realtime?*** HTTP/1.1"),
        ("GET /v1/realtime?model=m&api_key=abc HTTP/1.1", "GET /v1/realtime?*** HTTP/1.1"),
        ("'query_string': b'subscription-key=abc'", "'query_string': b'***'"),
        ("?model=m&API%2Dkey=a%20bc", "?***"),
        ("api-key=abc&model=m", "api-key=***"),
        ("b'authorization=abc'", "b'authorization=***'"),
        ("realtime, openai-insecure-api-key.abc", "realtime, openai-insecure-api-key.***"),
        ("['openai-insecure-api-key.abc', 'x']", "['openai-insecure-api-key.***', 'x']"),
        ("authorization=Basic dXNlcjpw", "authorization=Basic ***"),
        ("authorization=Token abc", "authorization=Token ***"),
        ('authorization=Digest username="x", response="y"; z', "authorization=Digest ***; z"),
        ("authorization=Custom s3cret and so on", "authorization=*** and so on"),
        ("authorization=abc and so on", "authorization=*** and so on"),
        ("ran curl -u bob:pass https://a.example", "ran curl -u bob:*** https://a.example"),
        ("['curl', '--user', 'bob:pass']", "['curl', '--user', 'bob:***']"),
        ("mysql -u root -p hunter orders", "mysql -u root -p *** orders"),
        ("mysql -uroot -phunter orders", "mysql -uroot -p*** orders"),
        ("['mysql', '-u', 'root', '-p', 'a&b']", "['mysql', '-u', 'root', '-p', '***']"),
        ("docker login -p hunter -u bob", "docker login -p *** -u bob"),
        ("run --password=hunter -v", "run --password=*** -v"),
        ("Really? Yes.", "Really? Yes."),
        ("mkdir -p folder", "mkdir -p folder"),
        ("docker run -u 1000:1000 -p 80:80 x", "docker run -u 1000:1000 -p 80:80 x"),
        ("docker run -u bob -p 8080:80 x", "docker run -u bob -p 8080:80 x"),
        ("curl -u https://a.example", "curl -u https://a.example"),
        ("compose -p orders up; ls -u x", "compose -p orders up; ls -u x"),
        ("the --password is missing", "the --password is missing"),
        ("the api-key is missing", "the api-key is missing"),
    ],
)
def test_keys_in_urls_and_subprotocols(said: str, shown: str) -> None:
    assert without_keys(said) == shown


PROSE = (
    *("the", "key", "of", "a", "user", "is", "not", "authorization", "token", "here:", "password"),
    *("Bearer", "basic", "pay-per-use", "set-up", "up-to-date", "401", "and,", "e.g.", "(see"),
    *("below)", "low-pass", "8080", "a/b", "x:y", "login", "-", "--", "api-key", "--password"),
)
WORDS = st.sampled_from((*PROSE, "-u", "-p"))
SECRETS = st.from_regex(r"[a-z][A-Za-z0-9]{2,20}[0-9]", fullmatch=True)
PLACES = st.sampled_from(
    [
        *("authorization={}", "authorization=Basic {}", "authorization=Custom {}", "api-key={}"),
        *("curl -u bob:{}", "curl --user=bob:{}", "mysql -u root -p{}", "mysql -u root -p {}"),
        *("login -p '{}' -u bob", "run --token={}", "GET /a?key={}", "openai-insecure-api-key.{}"),
    ]
)


@given(st.lists(st.sampled_from(PROSE), max_size=12))
def test_prose_stays_as_it_is(words: list[str]) -> None:
    said = " ".join(words)
    assert without_keys(said) == said


@given(st.lists(WORDS, max_size=5), PLACES, SECRETS, st.lists(WORDS, max_size=5))
def test_a_key_is_hidden_whatever_stands_around_it(
    before: list[str], place: str, key: str, behind: list[str]
) -> None:
    shown = without_keys(" ".join([*before, place.format(key), *behind]))
    assert key not in shown
    assert without_keys(shown) == shown


@given(st.text())
def test_any_text_is_masked_once_and_for_all(text: str) -> None:
    shown = without_keys(text)
    assert without_keys(shown) == shown


def record(message: str, *arguments: Any) -> logging.LogRecord:
    made = logging.LogRecord("uvicorn.error", logging.INFO, "", 1, message, arguments, None)
    assert mask_keys(made)
    return made


@pytest.mark.parametrize("name", ["Authorization", "authorization", "api-key", "X-API-Key"])
def test_headers_as_they_were_received(name: str) -> None:
    assert record("< %s: %s", name, "Bearer abc").getMessage() == f"< {name}: ***"


def test_a_record_without_keys_is_left_as_it_is() -> None:
    scope = {"path": "/v1/realtime"}
    left = record("%s [%d] %s", "ASGI", 3, scope)
    assert left.args == ("ASGI", 3, scope)


def test_a_key_within_any_argument_is_masked() -> None:
    masked = record("%s [%d] %s", "ASGI", 3, {"query_string": b"api-key=abc"})
    assert masked.getMessage() == "ASGI [3] {'query_string': b'***'}"
    alone = record("scope=%s", {"query_string": b"api-key=abc"})
    assert "abc" not in alone.getMessage()
    parts = record("%s%s", "?api-key=", "abc")
    assert parts.getMessage() == "?***"


def test_the_access_log_keeps_its_form() -> None:
    path = "/openai/v1/models?api-key=abc"
    line = record('%s - "%s %s HTTP/%s" %d', "127.0.0.1:5", "GET", path, "1.1", 200)
    shown = AccessFormatter("%(request_line)s %(status_code)s", use_colors=False).format(line)
    assert shown == "GET /openai/v1/models?*** HTTP/1.1 200 OK"
