"""Keys are masked wherever they stand, and words only where they may be somebody's."""

from __future__ import annotations

import json

import pytest

from serving.recording import client_frames
from serving.recording.hiding import KnownKeys, light, without_secrets, without_words


def test_keys_of_mcp_servers_are_masked_and_names_stay() -> None:
    tool = {
        "type": "mcp",
        "server_url": "https://user:word@mcp.example/path?token=abc",
        "authorization": "token",
        "headers": {"X-Token": "abc"},
    }
    assert without_secrets({"session": {"tools": [tool]}})["session"]["tools"] == [
        {
            "type": "mcp",
            "server_url": "https://***@mcp.example/path?***",
            "authorization": "***",
            "headers": {"X-Token": "***"},
        }
    ]


@pytest.mark.parametrize(
    "tool",
    [
        {"headers": "key"},
        {"headers": ["key"]},
        {"headers": {"X": ["key"]}},
        {"authorization": {"x": "key"}},
        {"Authorization": ["key"]},
        {"server_url": "user:key@mcp.example"},
        {"server_url": ["https://user:key@mcp.example"]},
    ],
)
def test_keys_are_masked_in_what_no_server_takes(tool: dict[str, object]) -> None:
    assert "key" not in json.dumps(without_secrets({"session": {"tools": [tool]}}))


@pytest.mark.parametrize("field", ["parameters", "input_schema"])
def test_names_that_a_client_or_a_server_of_tools_has_chosen_are_words_too(field: str) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    told = without_words({"type": "function", field: schema})
    assert told == {"type": "function", field: {"chars": len(json.dumps(schema))}}


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        ("conversation.item.input_audio_transcription.completed", True),
        ("audio/pcm", True),
        ("bogus.event", True),
        ("call me Ada", False),
        ("x" * 70_000, False),
    ],
)
def test_a_type_that_is_a_sentence_is_words(kind: str, kept: bool) -> None:
    told = without_words({"type": kind})["type"]
    assert told == (kind if kept else {"chars": len(kind)})


def test_the_servers_own_keys_are_masked_in_whatever_is_written() -> None:
    keys = KnownKeys(['a"key', ""])
    assert keys.hidden(json.dumps({"text": 'my a"key'}).encode()) == b'{"text": "my ***"}'


def test_what_looks_like_a_key_is_masked_in_any_text() -> None:
    text = {"text": "say:\nek_0123456789abcdefghij?now", "other": "task-0123456789abcdefghij sk-x"}
    assert json.loads(KnownKeys([]).hidden(json.dumps(text).encode())) == {
        **text,
        "text": "say:\n***?now",
    }


def test_words_become_their_length_and_the_course_stays() -> None:
    event = {
        "type": "conversation.item.create",
        "event_id": "mine",
        "item": {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "twelve chars"}],
        },
        "metadata": {"name": "Ada"},
        "count": 3,
    }
    assert without_words(event) == {
        **event,
        "item": {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": {"chars": 12}}],
        },
        "metadata": {"chars": 15},
    }


def test_audio_of_an_item_is_left_out_of_the_servers_events() -> None:
    event = {"type": "x", "item": {"id": "i", "content": [{"type": "input_audio", "audio": b"12"}]}}
    assert light(event)["item"]["content"] == [{"type": "input_audio", "audio": {"left_out": 2}}]
    assert light({"type": "x", "item": {"id": "i"}}) == {"type": "x", "item": {"id": "i"}}


def test_a_frame_of_megabytes_stays_whole_on_one_line() -> None:
    picture = "data:image/png;base64," + "iVBORw0KGgo=" * 100_000
    audio = "AAEC" * 10_000
    event = {
        "type": "conversation.item.create",
        "authorization": "token",
        "item": {"content": [{"image_url": picture}, {"audio": audio}, {"text": "short"}]},
    }
    raw = json.dumps(event, indent=2)
    written = client_frames.written(raw, redact=False)
    assert written is not None
    assert b"\n" not in written
    assert json.loads(written) == {**event, "authorization": "***"}


@pytest.mark.parametrize("raw", ["{", "[1]", "words", "[" * 5000, '{"a":' * 5000])
def test_what_is_no_object_is_kept_as_text(raw: str) -> None:
    assert client_frames.written(raw, redact=False) is None
    assert client_frames.unread(raw, redact=False) == raw
    assert client_frames.unread(raw, redact=True) == {"chars": len(raw)}


@pytest.mark.parametrize(
    "raw",
    [
        '{"İ": "İİİ", "authorization" : "key", "headers": {"X": "key"',
        '{"authorization": "a}key"',
        '{"authorization": {"x": "key"}',
        '{"Authorization": ["key"]',
        '{"headers": ["key"]',
        '{"headers": "key"',
        '{"headers": {"A": {"b": "c"}, "X": "key"}',
        '{"server_url": "https://user:key@mcp.example/?key"',
        "{'authorization': 'key'}",
        '[{"type": "mcp", "authorization": "key"}]',
        json.dumps(json.dumps({"authorization": "key"})),
        '["authorization","key"]',
    ],
)
def test_keys_are_masked_in_what_is_no_json_object_too(raw: str) -> None:
    assert client_frames.written(raw, redact=False) is None
    told = client_frames.unread(raw, redact=False)
    assert isinstance(told, str)
    assert told.endswith("***")
    # What stands before the first of them stays as it was.
    assert raw.startswith(told.removesuffix("***"))
    assert "key" not in told


@pytest.mark.parametrize("quoted", ["\\u0061uthorization", "authoriz\\\\u0061tion"])
def test_keys_whose_names_have_quoted_letters_are_masked_too(quoted: str) -> None:
    told = client_frames.unread(f'{{"{quoted}": "key"', redact=False)
    assert told == '{"authorization":***'
    # So a known key is seen as it is.
    assert client_frames.unread('"plain\\u002dkey\\u0022"', redact=False) == '"plain-key\\u0022"'


@pytest.mark.parametrize(
    "url",
    [
        *("https://u:p@ss:key@h/", "https://u:key/x@h/", "https:/u:key@h", "u:key@h"),
        *({"host": "key"}, ["https://u:key@h/"]),
    ],
)
def test_passwords_in_urls_are_masked_however_they_are_written(url: object) -> None:
    told = json.dumps(without_secrets({"server_url": url}))
    assert "key" not in told and "p@ss" not in told


def test_what_only_speaks_of_keys_stays_and_what_is_no_text_has_none() -> None:
    told = '{"text": "authorization needs headers", '
    assert client_frames.unread(told, redact=False) == told
    assert client_frames.unread(None, redact=False) is None
