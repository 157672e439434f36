"""The player: every sample sounds once, and what was heard is counted by item."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.player import AudioPlayerAsync
from tests.support.fake_sound import FakeSound


def samples(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, dtype="<i2").astype(int)


def numbered(start: int, count: int) -> bytes:
    """Samples that say who they are."""
    return np.arange(start, start + count, dtype="<i2").tobytes()


@pytest.fixture
def device() -> FakeSound:
    return FakeSound()


@pytest.fixture
def player(device: FakeSound) -> AudioPlayerAsync:
    return AudioPlayerAsync(device.open)


def test_the_device_is_opened_by_the_first_audio(
    player: AudioPlayerAsync, device: FakeSound
) -> None:
    assert device.calls == []
    player.add_data(numbered(1, 10))
    player.add_data(numbered(11, 10))
    player.start()
    assert device.calls == ["open", "start"]


def test_chunks_play_without_gaps_then_silence(player: AudioPlayerAsync, device: FakeSound) -> None:
    player.add_data(numbered(1, 7))
    player.add_data(numbered(8, 6))
    assert player.waiting_samples == 13
    played = device.pull(5) + device.pull(5) + device.pull(5)
    assert played == numbered(1, 13) + bytes(4)
    assert (player.played_samples, player.waiting_samples) == (13, 0)
    assert device.pull(3) == bytes(6)
    assert player.played_samples == 13  # silence is not audio of the item
    player.add_data(numbered(14, 2))
    assert device.pull(2) == numbered(14, 2)
    assert player.played_samples == 15


def test_items_follow_without_a_gap_and_are_counted_apart(
    player: AudioPlayerAsync, device: FakeSound
) -> None:
    player.add_data(numbered(1, 6), "one")
    player.add_data(numbered(7, 6), "two")
    assert (player.item_id, player.played_samples) == ("one", 0)
    assert device.pull(6) == numbered(1, 6)
    assert (player.item_id, player.played_samples) == ("one", 6)
    assert device.pull(2) == numbered(7, 2)
    assert (player.item_id, player.played_samples) == ("two", 2)
    player.add_data(numbered(13, 2), "three")
    assert device.pull(8) == numbered(9, 6) + bytes(4)
    assert (player.item_id, player.played_samples) == ("three", 2)


def test_half_a_sample_waits_for_its_other_half(
    player: AudioPlayerAsync, device: FakeSound
) -> None:
    pcm = numbered(300, 4)
    player.add_data(pcm[:3], "one")
    assert device.pull(2) == pcm[:2] + bytes(2)
    player.add_data(pcm[3:], "one")
    assert device.pull(3) == pcm[2:]
    assert player.played_samples == 4
    player.add_data(b"\x01", "one")  # never completed
    player.add_data(numbered(1, 1), "two")
    assert device.pull(1) == numbered(1, 1)
    assert (player.item_id, player.played_samples) == ("two", 1)


def test_stop_is_immediate_and_keeps_the_count(player: AudioPlayerAsync, device: FakeSound) -> None:
    player.add_data(numbered(1, 24000), "one")
    player.add_data(numbered(1, 100), "two")
    device.pull(2400)
    player.stop()
    assert device.calls[-1] == "abort"
    assert (player.item_id, player.played_samples, player.played_ms) == ("one", 2400, 100.0)
    assert player.waiting_samples == 0
    player.stop()
    assert device.calls == ["open", "start", "abort"]
    player.add_data(numbered(5, 3), "three")
    assert device.calls == ["open", "start", "abort", "start"]
    assert device.pull(4) == numbered(5, 3) + bytes(2)
    assert (player.item_id, player.played_samples) == ("three", 3)


def test_close_releases_the_device(player: AudioPlayerAsync, device: FakeSound) -> None:
    player.close()
    player.start()
    player.close()
    assert device.calls == ["open", "start", "abort", "close"]


def test_what_the_device_still_holds_was_not_played() -> None:
    device = FakeSound(latency=0.001)  # 24 samples
    player = AudioPlayerAsync(device.open)
    player.add_data(numbered(1, 60), "one")
    player.add_data(numbered(61, 40), "two")
    heard = []
    for _ in range(7):
        device.pull(20)
        heard.append((player.item_id, player.played_samples, player.waiting_samples))
    assert heard == [
        ("one", 0, 100),
        ("one", 16, 84),
        ("one", 36, 64),
        ("one", 56, 44),
        ("two", 16, 24),
        ("two", 36, 4),
        ("two", 40, 0),  # silence has pushed the rest out
    ]


def test_what_the_device_still_holds_is_dropped_by_stop() -> None:
    device = FakeSound(latency=0.001)
    player = AudioPlayerAsync(device.open)
    player.add_data(numbered(1, 60), "one")
    device.pull(50)
    player.stop()
    assert (player.item_id, player.played_samples, player.waiting_samples) == ("one", 26, 0)
    player.add_data(numbered(1, 60), "two")
    assert (player.item_id, player.played_samples) == ("two", 0)
    device.pull(44)
    assert (player.item_id, player.played_samples) == ("two", 20)


def test_all_that_is_handed_to_the_device_can_be_kept(device: FakeSound) -> None:
    handed: list[bytes] = []
    player = AudioPlayerAsync(device.open, handed.append)
    player.add_data(numbered(1, 30), "one")
    device.pull(20)
    device.pull(20)
    device.pull(20)
    assert b"".join(handed) == numbered(1, 30)  # without the silence after it


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.integers(0, 3), st.binary(max_size=9)),
            st.integers(min_value=1, max_value=9),
        )
    )
)
def test_whatever_the_order_every_whole_sample_is_played_once(
    steps: list[tuple[int, bytes] | int],
) -> None:
    device = FakeSound()
    player = AudioPlayerAsync(device.open)
    player.start()
    items: list[tuple[str, bytes]] = []
    played, pulled = b"", 0
    for step in steps:
        if isinstance(step, int):
            waiting = player.waiting_samples
            block = device.pull(step)
            assert block[2 * waiting :].strip(b"\x00") == b""
            played += block[: 2 * min(step, waiting)]
            pulled += 1
        else:
            item_id = f"{pulled // 2 + step[0]:03}"  # an item never returns after another
            item_id = max([item_id, *(name for name, _ in items)])
            player.add_data(step[1], item_id)
            items.append((item_id, step[1]))
    left = player.waiting_samples
    played += device.pull(left + 1)[: 2 * left]
    wanted = b""
    for name in sorted({name for name, _ in items}):
        pcm = b"".join(data for item_id, data in items if item_id == name)
        wanted += pcm[: len(pcm) // 2 * 2]
    assert played == wanted


def test_the_sound_card_and_the_program_may_run_at_once(
    player: AudioPlayerAsync, device: FakeSound
) -> None:
    total, chunk = 20000, 37
    player.start()

    def add() -> None:
        for start in range(0, total, chunk):
            player.add_data(numbered(start + 1, min(chunk, total - start)), "one")

    adding = threading.Thread(target=add)
    adding.start()
    heard = b""
    while adding.is_alive() or player.waiting_samples:
        heard += device.pull(64)
    assert samples(heard)[samples(heard) != 0].tolist() == list(range(1, total + 1))
    assert player.played_samples == total


def test_a_device_that_does_not_start_is_named() -> None:
    class Broken(FakeSound):
        def start(self) -> None:
            raise RuntimeError("device busy")

    with pytest.raises(OSError, match=r"Cannot play: device busy\. Check"):
        AudioPlayerAsync(Broken().open).start()
