"""What was played is known to the frame, whatever is queued, dropped or added later."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from peers.webrtc.opus import FRAME_BYTES, FRAME_MS
from peers.webrtc.playout import HIGH_WATER_S, Drained, Playout, Started

MS = FRAME_BYTES // FRAME_MS


def pcm(ms: int, value: int = 1) -> bytes:
    return bytes([value]) * (ms * MS)


def test_frames_come_in_order_and_the_last_is_filled_up() -> None:
    queue = Playout()
    queue.put("r", "i", pcm(30))
    assert queue.next_frame() == pcm(20)
    assert queue.next_frame() == pcm(10) + bytes(10 * MS)
    assert queue.next_frame() is None


def test_a_frame_has_the_end_of_one_item_and_the_beginning_of_the_next() -> None:
    queue = Playout()
    queue.put("r", "a", pcm(10, 1))
    queue.put("r", "b", pcm(30, 2))
    assert queue.next_frame() == pcm(10, 1) + pcm(10, 2)
    assert queue.played() == {"a": 10, "b": 10}


def test_a_response_begins_once_and_is_drained_after_its_last_frame() -> None:
    queue = Playout()
    queue.put("r", "i", pcm(20))
    assert queue.reports() == []
    queue.next_frame()
    assert queue.reports() == [Started("r")]
    assert queue.played() == {"i": 20}
    queue.next_frame()
    assert queue.reports() == [Drained("r")]
    assert queue.played() == {}


def test_more_of_an_item_after_a_drain_goes_on_where_it_was() -> None:
    queue = Playout()
    queue.put("r", "i", pcm(40))
    for _ in range(3):
        queue.next_frame()
    assert queue.reports() == [Started("r"), Drained("r")]
    queue.put("r", "i", pcm(40))
    assert queue.played() == {"i": 40}
    queue.next_frame()
    assert queue.played() == {"i": 60}
    queue.next_frame()
    queue.next_frame()
    assert queue.reports() == [Drained("r")]


def test_more_before_the_next_tick_is_no_drain() -> None:
    queue = Playout()
    queue.put("r", "i", pcm(20))
    queue.next_frame()
    queue.put("r", "i", pcm(20))
    queue.next_frame()
    assert queue.reports() == [Started("r")]


def test_a_response_behind_another_waits_at_0() -> None:
    queue = Playout()
    queue.put("r1", "a", pcm(40))
    queue.put("r2", "b", pcm(40))
    queue.next_frame()
    assert queue.played() == {"a": 20, "b": 0}
    queue.next_frame()
    queue.next_frame()
    assert queue.reports() == [Started("r1"), Drained("r1"), Started("r2")]
    assert queue.played() == {"b": 20}


def test_silence_drops_all_and_reports_nothing() -> None:
    queue = Playout()
    queue.put("r1", "a", pcm(100))
    queue.put("r2", "b", pcm(100))
    queue.next_frame()
    queue.reports()
    queue.silence()
    assert queue.next_frame() is None
    assert queue.reports() == []
    assert queue.played() == {}
    assert queue.queued_ms == 0


def test_there_is_room_for_a_minute() -> None:
    queue = Playout()
    queue.put("r", "i", pcm(HIGH_WATER_S * 1000))
    assert queue.has_room
    queue.put("r", "i", pcm(10))
    assert not queue.has_room
    queue.next_frame()
    assert queue.has_room


def test_no_audio_is_no_response() -> None:
    queue = Playout()
    queue.put("r", "i", b"")
    assert queue.next_frame() is None
    assert queue.reports() == []


def test_positions_are_kept_for_as_long_as_a_response_is_open() -> None:
    queue = Playout()
    queue.put("r", "first", pcm(20))
    for number in range(200):
        queue.put("r", f"i{number}", pcm(20))
    queue.next_frame()
    assert queue.played()["first"] == 20


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 90)), min_size=1, max_size=30))
def test_what_is_played_adds_up(puts: list[tuple[str, int]]) -> None:
    queue = Playout()
    total = dict.fromkeys("abc", 0)
    for name, ms in puts:
        queue.put("r", name, pcm(ms))
        total[name] += ms
    frames = 0
    played: dict[str, float] = {}
    while queue.next_frame() is not None:
        frames += 1
        played = queue.played()
    assert frames == -(-sum(total.values()) // FRAME_MS)
    assert played == {name: ms for name, ms in total.items() if ms}
    assert queue.reports() == [Started("r"), Drained("r")]


def test_an_answer_ends_before_the_next_begins_in_the_same_frame() -> None:
    queue = Playout()
    queue.put("one", "a", bytes(FRAME_BYTES // 2))
    queue.put("two", "b", bytes(FRAME_BYTES))
    queue.next_frame()
    assert queue.reports() == [Started("one"), Drained("one"), Started("two")]
