"""Packets come out in order, each once, and every millisecond of the sender's time is accounted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from peers.webrtc.reorder import WAIT_MS, Audio, Lost, Pause, Reorder, Step
from peers.webrtc.rtp import RtpPacket

FRAME = 960
"""Ticks of 20 ms."""


def span(payload: bytes) -> int:
    """The first byte of these payloads is their length in units of 20 ms; empty: padding."""
    return payload[0] * FRAME if payload else 0


def packet(number: int, *, at: int | None = None, frames: int = 1, ssrc: int = 1) -> RtpPacket:
    """Packet `number` of a stream; its payload says which it is."""
    ticks = (number if at is None else at) * FRAME
    return RtpPacket(
        111,
        number & 0xFFFF,
        ticks & 0xFFFFFFFF,
        ssrc,
        bytes([frames]) + number.to_bytes(4, "big"),
    )


def numbers(steps: list[Step]) -> list[int]:
    return [int.from_bytes(step.payload[1:], "big") for step in steps if isinstance(step, Audio)]


def test_packets_in_order_are_delivered_at_once() -> None:
    order = Reorder(span)
    assert [numbers(order.push(packet(n), 0)) for n in range(3)] == [[0], [1], [2]]
    assert order.deadline_ms is None


def test_a_late_packet_is_waited_for() -> None:
    order = Reorder(span)
    order.push(packet(0), 0)
    assert order.push(packet(2), 40) == []
    assert order.push(packet(3), 60) == []
    assert order.deadline_ms == 40 + WAIT_MS
    steps = order.push(packet(1), 80)
    assert numbers(steps) == [1, 2, 3]
    assert not any(isinstance(step, Lost) for step in steps)
    assert order.deadline_ms is None


def test_a_gap_is_given_up_some_time_after_the_packet_behind_it() -> None:
    order = Reorder(span)
    order.push(packet(0), 0)
    order.push(packet(3), 60)
    assert order.expire(60 + WAIT_MS - 1) == []
    steps = order.expire(60 + WAIT_MS)
    assert steps == [Lost(2 * FRAME, packet(3).payload), Audio(packet(3).payload)]
    assert order.push(packet(4), 130) == [Audio(packet(4).payload)]


def test_two_gaps_are_given_up_one_after_the_other() -> None:
    order = Reorder(span)
    order.push(packet(0), 0)
    order.push(packet(2), 40)
    order.push(packet(4), 80)
    assert numbers(order.expire(40 + WAIT_MS)) == [2]
    assert numbers(order.expire(80 + WAIT_MS - 1)) == []
    assert numbers(order.expire(80 + WAIT_MS)) == [4]


def test_a_packet_that_comes_twice_or_too_late_is_dropped() -> None:
    order = Reorder(span)
    order.push(packet(0), 0)
    order.push(packet(2), 40)
    assert order.push(packet(2), 41) == []
    order.expire(100)
    assert order.push(packet(1), 101) == []
    assert order.push(packet(2), 102) == []
    assert order.doubles == 3


def test_a_pause_of_the_sender_is_no_loss() -> None:
    order = Reorder(span)
    order.push(packet(0), 0)
    assert order.push(packet(1, at=21), 420) == [Pause(20 * FRAME), Audio(packet(1).payload)]


def test_long_frames_count_as_long_as_they_are() -> None:
    order = Reorder(span)
    order.push(packet(0, at=0, frames=3), 0)
    assert order.push(packet(1, at=3, frames=3), 60) == [Audio(packet(1, frames=3).payload)]
    order.push(packet(3, at=9, frames=3), 180)
    lost = order.expire(180 + WAIT_MS)[0]
    assert lost == Lost(3 * FRAME, packet(3, frames=3).payload)


def test_numbers_and_timestamps_wrap() -> None:
    order = Reorder(span)
    last = (1 << 32) // FRAME
    for ahead in range(4):
        number = 65534 + ahead
        got = order.push(packet(number, at=last - 1 + ahead), ahead * 20)
        assert numbers(got) == [number]
        assert not any(isinstance(step, Lost | Pause) for step in got)


def test_padding_without_audio_is_passed_over() -> None:
    order = Reorder(span)
    order.push(packet(0), 0)
    padding = RtpPacket(111, 1, FRAME, 1, b"")
    assert order.push(padding, 5) == []
    assert order.push(packet(2, at=1), 20) == [Audio(packet(2).payload)]


def test_a_new_source_begins_anew() -> None:
    order = Reorder(span)
    order.push(packet(0), 0)
    order.push(packet(2), 40)
    assert order.push(packet(40000, ssrc=2), 60) == [Audio(packet(40000).payload)]
    assert order.deadline_ms is None


def test_one_stray_number_changes_nothing_and_two_in_a_row_begin_anew() -> None:
    order = Reorder(span)
    order.push(packet(0), 0)
    assert order.push(packet(30000), 20) == []
    assert numbers(order.push(packet(1), 40)) == [1]
    assert order.push(packet(40000), 60) == []
    assert numbers(order.push(packet(40001), 80)) == [40001]


def test_a_flood_behind_a_gap_is_not_held_forever() -> None:
    order = Reorder(span)
    order.push(packet(0), 0)
    got = [number for n in range(2, 150) for number in numbers(order.push(packet(n), 1))]
    assert got == list(range(2, 150))


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 80)), min_size=1, max_size=60),
    st.integers(0, 0xFFFF),
    st.sampled_from([1, 2, 3]),
)
def test_all_time_is_accounted_for(fates: list[tuple[bool, int]], first: int, frames: int) -> None:
    """Whatever is lost or late: order holds, nothing comes twice, and the time adds up."""
    order = Reorder(span)
    steps = list(order.push(packet(first, at=0, frames=frames), 0))
    came = [
        (20 * frames * (n + 1) + late, n + 1) for n, (arrives, late) in enumerate(fates) if arrives
    ]
    for at, n in sorted(came):
        steps += order.expire(at)
        steps += order.push(packet(first + n, at=n * frames, frames=frames), at)
    steps += order.expire(1e9)
    delivered = numbers(steps)
    assert delivered == sorted(set(delivered))
    ticks = sum(span(step.payload) if isinstance(step, Audio) else step.ticks for step in steps)
    assert ticks == (delivered[-1] - first + 1) * frames * FRAME
    assert not any(isinstance(step, Pause) for step in steps)
