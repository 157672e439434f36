"""What every recording has is let through, and of what none has, the field is named."""

from __future__ import annotations

from typing import Any

import pytest

from recordings.reading import LINES, read
from recordings.shapes import is_time, misshapen
from tests.support.places import DATA

Row = dict[str, Any]
PLACE = {"track": "user.flac", "at": 0, "samples": 480}
NAN = float("nan")


def sent(**fields: Any) -> Row:
    return {"t": 1, "from": "server", "event": {"type": "x", **fields}}


def appended(*pieces: Any) -> Row:
    return {"t": 1, "from": "client", "appends": list(pieces), "audio": PLACE}


def turn(**fields: Any) -> Row:
    return {"t": 1, "from": "server-stage", "turn": fields}


@pytest.mark.parametrize("path", sorted((DATA / "recordings").glob(f"*{LINES}")), ids=str)
def test_recordings_of_stock_clients_are_let_through(path: Any) -> None:
    assert not [list(misshapen(row)) for row in read(path).rows if any(misshapen(row))]


@pytest.mark.parametrize(
    "row",
    [
        sent(item={"content": [{"text": "a"}], "output": "a text"}, previous_item_id=None),
        sent(response={"output": [{"content": []}], "status_details": None}),
        # In a redacted recording.
        sent(item={"output": {"chars": 3}}),
        {**sent(), "audio": {"track": None, "at": 0, "samples": 480}},
        appended([1.5, 960], [2, 960, "event_1"]),
        # The clock by which turns begin may be set back.
        turn(item_id="a", response_id=None, began=-3.5, stages={"done": 20.5}),
        # A server has refused it.
        {"t": 1, "from": "client", "event": {"type": {}, "item": 5, "item_id": []}},
        {"t": 1, "from": "server-stage", "silenced": True},
    ],
)
def test_what_a_server_writes_is_let_through(row: Row) -> None:
    assert not list(misshapen(row))


@pytest.mark.parametrize(
    ("row", "named"),
    [
        (sent(item={"content": "a"}), "content"),
        (sent(item={"content": 1e300}), "content"),
        (sent(response={"output": [[]]}), "output"),
        (sent(response={"output": [{"id": 5}]}), "id"),
        (sent(error=[]), "error"),
        (sent(audio_end_ms={}), "audio_end_ms"),
        (sent(audio_start_ms=None), "audio_start_ms"),
        ({**sent(), "audio": {}}, "audio"),
        ({**sent(), "audio": {**PLACE, "samples": 99_999_999_999}}, "audio"),
        ({**sent(), "audio": {**PLACE, "at": -1}}, "audio"),
        ({**sent(), "audio": {**PLACE, "track": 5}}, "audio"),
        (appended([1.5]), "appends"),
        (appended([1.5, "x"]), "appends"),
        (appended([NAN, 960]), "appends"),
        (appended([1.5, 960, 5]), "appends"),
        (appended(5), "appends"),
        ({**sent(), "appends": 5}, "appends"),
        ({**sent(), "turn": 5}, "turn"),
        (turn(item_id=[5]), "item_id"),
        (turn(response_id={}), "response_id"),
        (turn(began="x"), "began"),
        (turn(stages=[]), "stages"),
        (turn(stages={"done": [{}]}), "stages"),
        (turn(stages={"first_text": NAN}), "stages"),
    ],
)
def test_what_no_server_writes_is_named(row: Row, named: str) -> None:
    assert list(misshapen(row)) == [named]


@pytest.mark.parametrize("value", [NAN, float("inf"), -1, 1e308, True, None, "1", 10**400])
def test_what_is_no_time_is_none(value: object) -> None:
    assert not is_time(value)
