"""Whatever one field of a recording is changed to, it is read, or refused in one line."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from recordings.differences import differences
from recordings.latency import latencies
from recordings.page import page
from recordings.reading import BadRecording, read
from recordings.script import script
from recordings.show import events, told
from recordings.timeline import timeline
from tests.support.places import DATA

ODD: list[Any] = [
    *(None, True, 5, -1, 0.5, 1e308, float("nan"), 10**400, "x", "", "\ud800"),
    *([], {}, [5], [[]], [{}], {"a": 5}),
]
GONE = object()
CASES = 150
"""Of each recording."""


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where a JSON value has others in it."""
    if place:
        yield place
    inner: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        inner = enumerate(value[:2])
    for key, one in inner:
        yield from places(one, (*place, key))


def changed(row: Any, place: tuple[Any, ...], new: Any) -> Any:
    row = copy.deepcopy(row)
    inner = row
    for key in place[:-1]:
        inner = inner[key]
    if new is GONE:
        del inner[place[-1]]
    else:
        inner[place[-1]] = new
    return row


def kind(row: Any) -> tuple[Any, ...]:
    event = row.get("event")
    return row.get("from"), event.get("type") if isinstance(event, dict) else None, *sorted(row)


def use(path: Path, whole: Path, *, drawn: bool) -> None:
    """Do all with a recording that is done with one; what takes long, now and then."""
    list(told(read(path)))
    list(events(read(path)))
    if drawn:
        page(read(path))
    script(timeline(read(path), to_play=False))
    one, other = timeline(read(path)), timeline(read(whole))
    differences(one.of("server"), other.of("server"))
    differences(other.of("server"), one.of("server"))
    latencies(one.messages, other.messages)


@pytest.mark.parametrize("name", ["openai-python-tools", "openai-agents-barge-in"])
def test_odd_fields_do_no_harm(name: str, tmp_path: Path):
    whole = DATA / "recordings" / f"{name}.jsonl"
    rows = [json.loads(line) for line in whole.read_text(encoding="utf-8").splitlines()]
    for track in whole.parent.glob(f"{name}.*.flac"):
        shutil.copy(track, tmp_path / track.name)
    first = {kind(row): at for at, row in reversed(list(enumerate(rows)))}
    all_cases = [(at, place) for at in first.values() for place in places(rows[at])]
    random = Random(name)
    refused = 0
    for case in range(CASES):
        at, place = random.choice(all_cases)
        new = random.choice([*ODD, GONE])
        now = [*rows[:at], changed(rows[at], place, new), *rows[at + 1 :]]
        path = tmp_path / whole.name
        path.write_text("\n".join(map(json.dumps, now)) + "\n", encoding="utf-8")
        try:
            use(path, whole, drawn=case % 15 == 0)
        except BadRecording as error:
            refused += 1
            assert "\n" not in str(error), (at, place, new)
    assert 0 < refused < CASES
