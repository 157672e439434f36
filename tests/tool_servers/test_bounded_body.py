"""How many values of an answer are read, however the body is cut into pieces."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tool_servers.bounded_body import TooLong, Values

EVENT = b'event: message\r\ndata: {"a":[1,2,3]}\r\n\r\n'
"""Weighs 5."""


def too_many(body: bytes, size: int, *, most: int, streams: bool) -> bool:
    values = Values(most, streams=streams)
    with suppress(TooLong):
        for start in range(0, len(body), size):
            values.take(body[start : start + size])
        return False
    return True


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_each_event_of_a_stream_counts_by_itself(size: int, end: bytes):
    events = EVENT.replace(b"\r\n", end) * 20
    assert not too_many(events, size, most=5, streams=True)
    assert too_many(events, size, most=4, streams=True)


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_lines_of_one_event_count_together(size: int, end: bytes):
    lines = (b"data: [1,2\ndata: ,3]\n" * 3 + b"\n").replace(b"\n", end)
    assert too_many(lines, size, most=8, streams=True)
    assert not too_many(lines, size, most=9, streams=True)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_an_answer_that_is_no_stream_counts_as_one(size: int):
    assert too_many(b"[1]\n\n" * 3, size, most=2, streams=False)
    assert not too_many(b"[1]\n\n" * 3, size, most=3, streams=False)
