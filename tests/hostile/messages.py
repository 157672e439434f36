"""Messages that no well-behaved client sends: built by hand, and made of recorded sessions.

A recorded message is changed as data (fields of another type, without a value, forged ids) or as
bytes (flipped, cut, doubled), or only sent when nobody expects it. One seed gives the same
messages every time, so whatever is found can be sent again.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any

Message = dict[str, Any]

NAN = "\x00NaN\x00"
"""Stands in a message for a number that JSON does not have: see `_written`."""
INFINITY = "\x00Infinity\x00"
BEYOND = "\x001e999\x00"
_NUMBERS = {json.dumps(name): name.strip("\x00") for name in (NAN, INFINITY, BEYOND)}

BOMB = zlib.compress(bytes(8_000_000), 9)
"""Eight megabytes of nothing in eight kilobytes."""
PNG = b"\x89PNG\r\n\x1a\n"
SERVER_VAD: Message = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
"""A turn detection with nothing odd in it, every field written out."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One WebSocket message."""

    data: bytes
    binary: bool = False

    @property
    def text(self) -> str | None:
        """The frame as a server may read it; None: it is no text."""
        if self.binary:
            return None
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            return None


def deep(depth: int) -> Any:
    """Lists inside each other."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def _values(fetch_url: str) -> list[Any]:
    """What to put where something else belongs."""
    bomb = base64.b64encode(PNG + BOMB).decode()
    return [
        None,
        True,
        0,
        -1,
        1.5,
        -0.0,
        2**31,
        2**63,
        -(2**64),
        10**400,
        1e308,
        NAN,
        INFINITY,
        BEYOND,
        "",
        " ",
        "null",
        "root",
        "item_" + "0" * 21,
        "resp_forged",
        "x" * 33,
        "é" * 600,
        "\ud800",
        "\udfff\ud800",
        "\x00\x01\x1b[31m",
        "a" * 100_000,
        "../../etc/passwd",
        "A",
        "====",
        "AAA",
        "AAAA",
        base64.b64encode(b"\x01").decode(),
        base64.b64encode(b"\x01\x02\x03" * 333).decode(),
        "data:image/png;base64,",
        "data:image/png;base64," + bomb,
        "data:image/png;base64,!!!!",
        "AAAA\r\nAAAA\n",
        "data:image/jpg;base64,iVBORw0K\r\nGgo=",
        {"id": "voice_1"},
        {"id": None},
        "data:text/html;base64,AAAA",
        fetch_url,
        fetch_url.replace("http://", "file://"),
        [],
        {},
        [[]],
        [None],
        {"": ""},
        {"type": "message"},
        {"type": "item_reference", "id": "nobody"},
        deep(40),
        deep(200),
        {"a": deep(90)},
        [1] * 500,
        {f"k{n}": n for n in range(200)},
    ]


def by_hand(ids: list[str]) -> list[bytes]:
    """Whole frames that are wrong in ways of their own.

    Args:
        ids: Ids that belong to somebody else.
    """
    text = [
        "",
        " ",
        "{",
        "}",
        "[]",
        "null",
        "NaN",
        '"type"',
        "{}",
        '{"type":null}',
        '{"type":7}',
        '{"type":"nope"}',
        '{"type":"session.created"}',
        '{"type":"error"}',
        '{"type":"response.create","type":"response.cancel"}',
        '{"type":"input_audio_buffer.append"}',
        '{"type":"input_audio_buffer.append","audio":null}',
        '{"type":"input_audio_buffer.append","audio":"' + "é" * 100 + '"}',
        '{"type":"input_audio_buffer.append","audio":"AAAA","audio":7}',
        '{"event_id":' + "[" * 50_000 + "]" * 50_000 + "}",
        "[" * 3_000,
        '{"type":"session.update","session":' + '{"a":' * 150 + "1" + "}" * 151,
        '{"type":"session.update","session":{"type":"realtime","max_output_tokens":'
        + "9" * 5_000
        + "}}",
        '{"type":"conversation.item.create","item":{"type":"message","role":"user","content":['
        + "1," * 2_000
        + "1]}}",
        '{"type":"response.create","event_id":"' + "e" * 2_000 + '"}',
        '\ufeff{"type":"response.cancel"}',
        '{"type":"response.cancel"}{"type":"response.cancel"}',
        "\x00",
        '\'{"type":"response.cancel"}\'',
    ]
    aimed: list[Message] = [
        {"type": kind, field: forged}
        for forged in ids
        for kind, field in (
            ("conversation.item.retrieve", "item_id"),
            ("conversation.item.delete", "item_id"),
            ("response.cancel", "response_id"),
        )
    ]
    aimed += [
        {
            "type": "response.create",
            "response": {
                "conversation": "none",
                "input": [{"type": "item_reference", "id": forged}],
            },
        }
        for forged in ids
    ]
    return [frame.encode() for frame in text] + [json.dumps(event).encode() for event in aimed]


class Hostility:
    """An endless supply of them."""

    def __init__(
        self,
        seed: int,
        recorded: list[Message],
        *,
        ids: list[str] | None = None,
        fetch_url: str = "http://127.0.0.1:9/picture.png",
    ) -> None:
        """Prepare.

        Args:
            seed: Equal seeds, equal messages.
            recorded: Messages of sessions in which all went well.
            ids: Ids that belong to somebody else.
            fetch_url: What the server might be tempted to fetch.
        """
        self._random = Random(seed)
        # Nobody can hurt a session that its own client has closed.
        self._recorded = [event for event in recorded if event["type"] != "session.close"]
        self._types = sorted({event["type"] for event in self._recorded})
        self._values = [*_values(fetch_url), *(ids or [])]
        self._by_hand = by_hand(ids or [])
        self._keys = sorted({key for event in self._recorded for key in _keys(event)})

    def frames(self, count: int) -> Iterator[Frame]:
        """Make so many frames; what is no UTF-8 is left to `broken_text`."""
        ways: list[Callable[[], Frame]] = [
            self._changed,
            self._changed,
            self._changed,
            self._garbled,
            self._handmade,
            self._untimely,
            self._invented,
            self._binary,
        ]
        for _ in range(count):
            frame = self._random.choice(ways)()
            if frame.binary or frame.text is not None:
                yield frame
            else:
                yield Frame(frame.data.decode(errors="replace").encode())

    def broken_text(self) -> Frame:
        """A text frame that is no UTF-8: the connection cannot survive it (RFC 6455, §8.1)."""
        data = bytearray(self._written(self._pick()))
        data[self._random.randrange(len(data)) :] = self._random.choice(
            [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xc0\xaf"]
        )
        return Frame(bytes(data))

    def _pick(self) -> Message:
        return deepcopy(self._random.choice(self._recorded))

    def _untimely(self) -> Frame:
        return Frame(self._written(self._pick()))

    def _changed(self) -> Frame:
        message = self._pick()
        for _ in range(self._random.choice([1, 1, 2, 4])):
            holder, key = self._random.choice(list(_places(message)))
            match self._random.randrange(5):
                case 0 if isinstance(holder, dict):
                    holder.pop(key, None)
                case 1 if isinstance(holder, dict):
                    holder[self._random.choice([*self._keys, "bogus", ""])] = self._value()
                case 2 if isinstance(holder, list):
                    holder.extend([holder[key]] * self._random.choice([1, 50]))
                case _:
                    holder[key] = self._value()
            if not message:
                break
        return Frame(self._written(message))

    def _invented(self) -> Frame:
        """A known type with fields that may belong to any other."""
        keys = self._random.sample(self._keys, self._random.randrange(4))
        return Frame(
            self._written(
                {"type": self._random.choice(self._types), **{key: self._value() for key in keys}}
            )
        )

    def _garbled(self) -> Frame:
        data = bytearray(self._written(self._pick()))
        for _ in range(self._random.choice([1, 1, 3, 10])):
            at = self._random.randrange(len(data) + 1)
            match self._random.randrange(4):
                case 0:
                    data[at : at + 1] = bytes([self._random.randrange(256)])
                case 1:
                    del data[at : at + self._random.choice([1, 4, 1000])]
                case 2:
                    data[at:at] = self._random.choice(
                        [b'"', b"{", b"[", b"\\", b"\x00", b",", b":"]
                    )
                case 3:
                    data[at:at] = data[at : at + 100]
        return Frame(bytes(data))

    def _handmade(self) -> Frame:
        return Frame(self._random.choice(self._by_hand))

    def _binary(self) -> Frame:
        return Frame(
            self._random.choice([b"", b"\x00" * 960, BOMB, self._written(self._pick())]),
            binary=True,
        )

    def _value(self) -> Any:
        value = self._random.choice(self._values)
        return deepcopy(value) if isinstance(value, dict | list) else value

    @staticmethod
    def _written(message: Message) -> bytes:
        text = json.dumps(message)
        for escaped, number in _NUMBERS.items():
            text = text.replace(escaped, number)
        return text.encode()


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a message that holds something: what holds it, and under which key."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)
