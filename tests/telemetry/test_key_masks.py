"""What libraries log of a request, without its keys."""

from __future__ import annotations

import logging
from typing import Any

import pytest
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
        ("Really? Yes.", "Really? Yes."),
        ("the api-key is missing", "the api-key is missing"),
    ],
)
def test_keys_in_urls_and_subprotocols(said: str, shown: str) -> None:
    assert without_keys(said) == shown


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
