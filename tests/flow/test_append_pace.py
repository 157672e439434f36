"""The bucket that slows a client which appends faster than it could speak."""

from __future__ import annotations

from flow.append_pace import AppendPace


def test_a_microphone_and_a_whole_file_are_never_slowed() -> None:
    pace = AppendPace(burst_s=60, speed=4, now=0.0)
    assert all(pace.take(0.02, n * 0.02) == 0 for n in range(10_000))
    assert pace.take(60, 200.0) == 0


def test_beyond_the_burst_a_client_waits_for_as_long_as_it_is_too_fast() -> None:
    pace = AppendPace(burst_s=60, speed=4, now=0.0)
    assert pace.take(60, 0.0) == 0
    assert pace.take(8, 0.0) == 2
    assert pace.take(4, 2.0) == 1


def test_the_bucket_never_holds_more_than_a_burst() -> None:
    pace = AppendPace(burst_s=60, speed=4, now=0.0)
    assert pace.take(64, 1_000_000.0) == 1
