"""What counts as a file: much more audio than time has passed for."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow.file_pace import LEAD_S, OVER_S, STALL_S, FilePace


def appended(pace: FilePace, from_s: float, chunk_s: float, count: int, speed: float) -> list[bool]:
    """Append chunks at a multiple of real time; return for each whether it is in a file."""
    return [pace.take(chunk_s, from_s + at * chunk_s / speed) for at in range(1, count + 1)]


@pytest.mark.parametrize("chunk_s", [0.02, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("speed", [0.97, 1.0, 1.02])
def test_a_microphone_is_no_file_for_hours(chunk_s: float, speed: float) -> None:
    count = int(7200 / chunk_s)
    assert not any(appended(FilePace(0), 0, chunk_s, count, speed))


@given(
    st.lists(st.floats(0, STALL_S - 0.5), min_size=2, max_size=60),
    st.sampled_from([0.02, 0.1, 0.4]),
)
def test_what_a_stall_kept_back_is_no_file(gaps: list[float], chunk_s: float) -> None:
    pace = FilePace(0)
    written = now = 0.0
    for gap in gaps:
        now += gap
        # All that was spoken so far comes at once, as behind a stall.
        while written + chunk_s <= now:
            written += chunk_s
            assert not pace.take(chunk_s, now)


@pytest.mark.parametrize("length_s", [LEAD_S + 0.1, 20, 300])
@pytest.mark.parametrize("idle_s", [0, 5, 60])
def test_a_file_in_one_append_is_one(length_s: float, idle_s: float) -> None:
    assert FilePace(0).take(length_s, idle_s)


def test_a_short_clip_is_taken_for_a_user_who_is_there() -> None:
    assert not FilePace(0).take(LEAD_S, 0)


@pytest.mark.parametrize("speed", [4, 10, 1000])
@pytest.mark.parametrize("chunk_s", [0.1, 1.0])
def test_a_file_in_pieces_is_one_from_its_first_seconds_on(chunk_s: float, speed: float) -> None:
    found = appended(FilePace(0), 0, chunk_s, int(60 / chunk_s), speed)
    first = found.index(True)
    assert (first + 1) * chunk_s <= 2 * LEAD_S + chunk_s
    assert all(found[first:])


def test_a_clip_behind_a_gap_is_no_part_of_the_file() -> None:
    pace = FilePace(0)
    assert pace.take(20, 0)
    assert not pace.take(2, OVER_S)


def test_who_goes_on_at_real_time_is_a_microphone_again() -> None:
    pace = FilePace(0)
    assert pace.take(20, 0)
    live = appended(pace, 0, 0.1, 100, 1)
    assert [before for before, after in pairwise(live) if not before and after] == []
    assert not any(live[int(4 * OVER_S / 0.1) :])
    # And its stalls are stalls.
    assert not any(pace.take(0.1, 14.0) for _ in range(40))
