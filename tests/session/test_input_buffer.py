"""The audio buffer and the turns cut from it: offsets, ids, what is kept (protocol §A.2–A.4, E)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.formats import AudioFormat
from flow.steps import at_once
from session.input_buffer import LOOKBACK_MS, InputBuffer, Unheard
from wire.errors import ProtocolError

MS = 48
"""Bytes in a millisecond of 24 kHz PCM."""


def turns(padding_ms: int | None = None) -> InputBuffer:
    """Manual turns by default; items are called item_0, item_1, and so on."""
    numbers = count()
    built = InputBuffer(lambda: f"item_{next(numbers)}")
    built.set_mode(padding_ms)
    return built


def numbered(start_ms: int, end_ms: int) -> bytes:
    """Audio in which every sample tells its place (up to 2.7 s)."""
    return np.arange(start_ms * 24, end_ms * 24).astype("<u2").tobytes()


def empty(error: pytest.ExceptionInfo[ProtocolError], ms: str) -> None:
    assert error.value.code == "input_audio_buffer_commit_empty"
    assert error.value.param is None
    assert error.value.message == (
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
        f"but buffer only has {ms}ms of audio."
    )


# --- manual turns ---


def test_a_manual_turn_is_everything_since_the_last_commit() -> None:
    buffer = turns()
    buffer.append(numbered(0, 100))
    buffer.append(numbered(100, 250))
    assert buffer.commit().audio == numbered(0, 250)
    buffer.append(numbered(250, 400))
    assert buffer.commit().audio == numbered(250, 400)


def test_a_manual_turn_opens_with_its_first_audio() -> None:
    buffer = turns()
    assert buffer.append(b"") == (b"", None)
    written, opened = buffer.append(numbered(0, 20))
    assert written == numbered(0, 20)
    assert opened is not None
    assert (opened.item_id, opened.start_ms) == ("item_0", 0)
    assert buffer.append(numbered(20, 40))[1] is None


def test_every_commit_has_an_id_of_its_own() -> None:
    buffer = turns()
    buffer.append(bytes(100 * MS))
    assert buffer.commit().item_id == "item_0"
    buffer.append(bytes(100 * MS))
    assert buffer.commit().item_id == "item_1"


@pytest.mark.parametrize(("written", "shown"), [(0, "0.00"), (4798, "99.96"), (2400, "50.00")])
def test_less_than_100_ms_cannot_be_committed_and_stays(written: int, shown: str) -> None:
    buffer = turns()
    if written:
        buffer.append(bytes(written))
    with pytest.raises(ProtocolError) as caught:
        buffer.commit()
    empty(caught, shown)
    buffer.append(bytes(4800))
    assert len(buffer.commit().audio) == 4800 + written


def test_exactly_100_ms_can_be_committed() -> None:
    buffer = turns()
    buffer.append(bytes(4800))
    assert len(buffer.commit().audio) == 4800


def test_the_length_of_a_turn_is_its_own_even_off_the_millisecond() -> None:
    buffer = turns()
    buffer.append(bytes(4802))
    buffer.commit()
    buffer.append(bytes(4798))
    with pytest.raises(ProtocolError) as caught:
        buffer.commit()
    empty(caught, "99.96")


def test_a_commit_empties_the_buffer() -> None:
    buffer = turns()
    buffer.append(bytes(4800))
    buffer.commit()
    with pytest.raises(ProtocolError) as caught:
        buffer.commit()
    empty(caught, "0.00")


def test_half_a_sample_waits_for_its_other_half() -> None:
    buffer, audio = turns(), numbered(0, 200)
    assert buffer.append(audio[:1])[0] == b""
    assert buffer.append(audio[1:4])[0] == audio[:4]
    assert buffer.append(audio[4:7])[0] == audio[4:6]
    buffer.append(audio[7:])
    assert buffer.commit().audio == audio


def test_clear_drops_what_is_buffered_but_not_the_count() -> None:
    buffer = turns()
    buffer.append(bytes(200 * MS + 1))
    abandoned = buffer.clear()
    assert abandoned is not None
    assert abandoned.item_id == "item_0"
    assert buffer.written_ms == 200
    with pytest.raises(ProtocolError) as caught:
        buffer.commit()
    empty(caught, "0.00")
    buffer.append(numbered(0, 100))
    assert buffer.commit().audio == numbered(0, 100)
    assert buffer.written_ms == 300


def test_clear_of_an_empty_buffer_abandons_nothing() -> None:
    assert turns().clear() is None


# --- detected turns ---


def test_a_detected_turn_is_back_dated_by_the_padding() -> None:
    buffer = turns(300)
    buffer.append(numbered(0, 1000))
    opened = buffer.speech_started(640)
    assert (opened.item_id, opened.start_ms) == ("item_0", 340)
    buffer.append(numbered(1000, 2000))
    closed = buffer.speech_stopped(1600)
    assert closed.item_id == "item_0"
    assert closed.audio == numbered(340, 1600)


def test_a_turn_cannot_start_before_the_audio() -> None:
    buffer = turns(300)
    buffer.append(numbered(0, 200))
    assert buffer.speech_started(64).start_ms == 0
    assert buffer.heard_so_far() == numbered(0, 200)


def test_padding_may_overlap_the_turn_before() -> None:
    buffer = turns(300)
    buffer.append(numbered(0, 1000))
    buffer.speech_started(320)
    assert buffer.speech_stopped(960).audio == numbered(20, 960)
    buffer.append(numbered(1000, 1200))
    assert buffer.speech_started(1024).start_ms == 724
    assert buffer.speech_stopped(1184).audio == numbered(724, 1184)


def test_a_commit_during_speech_ends_the_turn_under_the_announced_id() -> None:
    buffer = turns(300)
    buffer.append(numbered(0, 500))
    announced = buffer.speech_started(320).item_id
    buffer.append(numbered(500, 700))
    closed = buffer.commit()
    assert (closed.item_id, closed.audio) == (announced, numbered(20, 700))
    assert buffer.open is None


def test_without_speech_there_is_nothing_to_commit() -> None:
    buffer = turns(300)
    buffer.append(bytes(5000 * MS))
    with pytest.raises(ProtocolError) as caught:
        buffer.commit()
    empty(caught, "0.00")


def test_offsets_count_all_audio_written() -> None:
    buffer = turns(0)
    buffer.append(numbered(0, 1000))
    buffer.speech_started(320)
    buffer.commit()
    buffer.append(numbered(1000, 1500))
    buffer.clear()
    buffer.append(numbered(1500, 2500))
    assert buffer.written_ms == 2500
    assert buffer.speech_started(1600).start_ms == 1600
    assert buffer.speech_stopped(2496).audio == numbered(1600, 2496)


def test_a_turn_starts_no_earlier_than_the_last_clear() -> None:
    buffer = turns(300)
    buffer.append(numbered(0, 1000))
    buffer.clear()
    buffer.append(numbered(1000, 1400))
    assert buffer.speech_started(1088).start_ms == 1000
    assert buffer.heard_so_far() == numbered(1000, 1400)


def test_silence_is_forgotten_but_for_padding_and_the_detector_s_delay() -> None:
    buffer = turns(300)
    for _ in range(600):
        buffer.append(bytes(100 * MS))
    assert buffer.written_ms == 60_000
    oldest = buffer.speech_started(0)
    assert oldest.start_ms == 60_000 - 300 - LOOKBACK_MS
    assert len(buffer.heard_so_far()) == (300 + LOOKBACK_MS) * MS


def test_a_turn_in_progress_is_kept_whole_however_long() -> None:
    buffer = turns(300)
    buffer.append(bytes(1000 * MS))
    buffer.speech_started(640)
    for _ in range(100):
        buffer.append(bytes(100 * MS))
    assert len(buffer.speech_stopped(10_976).audio) == (10_976 - 340) * MS


# --- changing the mode ---


def test_another_padding_leaves_the_turn_in_progress_alone() -> None:
    buffer = turns(300)
    buffer.append(numbered(0, 1000))
    opened = buffer.speech_started(640)
    assert buffer.set_mode(0) is None
    assert buffer.open == opened
    buffer.speech_stopped(960)
    assert buffer.speech_started(980).start_ms == 980


def test_a_detected_turn_goes_on_for_the_client_to_commit() -> None:
    buffer = turns(300)
    buffer.append(numbered(0, 1000))
    opened = buffer.speech_started(640)
    assert buffer.set_mode(None) is None
    assert buffer.append(numbered(1000, 1200)) == (numbered(1000, 1200), None)
    closed = buffer.commit()
    assert (closed.item_id, closed.audio) == (opened.item_id, numbered(340, 1200))
    buffer.append(numbered(1200, 1300))
    assert buffer.commit().audio == numbered(1200, 1300)


def test_without_speech_the_padding_is_no_turn_until_audio_follows() -> None:
    buffer = turns(300)
    buffer.append(numbered(0, 1000))
    buffer.set_mode(None)
    with pytest.raises(ProtocolError) as caught:
        buffer.commit()
    empty(caught, "0.00")
    opened = buffer.append(numbered(1000, 1100))[1]
    assert opened is not None
    assert opened.start_ms == 700
    assert buffer.commit().audio == numbered(700, 1100)


@pytest.mark.parametrize("who", ["the detector", "the client"])
def test_the_padding_of_a_switch_is_of_no_turn_before(who: str) -> None:
    buffer = turns(300)
    buffer.append(numbered(0, 1000))
    buffer.speech_started(640)
    if who == "the detector":
        buffer.speech_stopped(960)
        kept = numbered(960, 1000)
    else:
        buffer.commit()
        kept = b""
    buffer.set_mode(None)
    buffer.append(numbered(1000, 1200))
    assert buffer.commit().audio == kept + numbered(1000, 1200)


def test_uncommitted_audio_is_taken_back_to_be_heard() -> None:
    buffer = turns()
    buffer.append(numbered(0, 500))
    buffer.commit()
    opened = buffer.append(numbered(500, 1200) + b"x")[1]
    assert buffer.set_mode(300) == Unheard(500, bytearray(numbered(500, 1200) + b"x"), opened)
    assert (buffer.open, buffer.written_ms) == (None, 500)
    buffer.append(numbered(500, 1200))
    assert buffer.speech_started(640).start_ms == 500
    assert buffer.heard_so_far() == numbered(500, 1200)


def test_a_detected_turn_is_taken_back_to_where_the_detector_left_it() -> None:
    buffer = turns(300)
    buffer.append(numbered(0, 1000))
    opened = buffer.speech_started(640)
    buffer.set_mode(None)
    buffer.append(numbered(1000, 1500))
    assert buffer.set_mode(300) == Unheard(992, bytearray(numbered(992, 1500)), None)
    assert buffer.open == opened
    assert buffer.heard_so_far() == numbered(340, 992)


def test_switching_back_at_once_takes_back_what_was_kept() -> None:
    buffer = turns(300)
    buffer.append(numbered(0, 1000))
    buffer.set_mode(None)
    assert buffer.set_mode(300) == Unheard(700, bytearray(numbered(700, 1000)), None)


def test_what_is_taken_back_is_in_the_new_format() -> None:
    buffer = turns()
    buffer.append(bytes(500 * MS))
    at_once(buffer.set_format(AudioFormat("audio/pcmu")))
    buffer.append(bytes(100 * 8))
    unheard = buffer.set_mode(300)
    assert unheard is not None
    assert (unheard.start_ms, len(unheard.audio)) == (0, 600 * 8)


@given(chunks=st.lists(st.tuples(st.integers(1, 9_000), st.booleans()), max_size=13))
@settings(deadline=None, derandomize=True, max_examples=150)
def test_manual_turns_are_cut_without_loss_or_doubling_however_audio_is_chunked(
    chunks: list[tuple[int, bool]],
) -> None:
    audio, buffer, committed, position = numbered(0, 2500), turns(), b"", 0
    for size, commit in chunks:
        buffer.append(audio[position : position + size])
        position += size
        waiting = len(buffer.heard_so_far()) if buffer.open else 0
        if commit and waiting >= 4800:
            committed += buffer.commit().audio
        elif commit:
            with pytest.raises(ProtocolError):
                buffer.commit()
    rest = buffer.heard_so_far() if buffer.open else b""
    whole = position // 2 * 2
    assert committed + rest == audio[:whole]
    assert buffer.written_ms == whole / MS


# --- turns that go on (§B.17) ---


def ended(until_ms: int) -> InputBuffer:
    """A turn from 100 to 600 ms that may go on up to an onset at `until_ms`."""
    buffer = turns(padding_ms=0)
    buffer.append(numbered(0, 600))
    buffer.speech_started(100)
    buffer.speech_stopped(600)
    buffer.keep(100, until_ms)
    return buffer


def test_a_turn_that_goes_on_has_the_audio_from_its_beginning() -> None:
    buffer = ended(1700)
    buffer.append(numbered(600, 2600))
    assert buffer.holds(100)
    assert not buffer.holds(98)
    buffer.speech_started(1700)
    assert buffer.go_back(100).start_ms == 100
    assert buffer.heard_so_far() == numbered(100, 2600)
    assert buffer.speech_stopped(2560).audio == numbered(100, 2560)


def test_what_is_kept_is_forgotten_once_no_onset_can_come_any_more() -> None:
    buffer = ended(1000)
    buffer.append(numbered(600, 1000 + LOOKBACK_MS))
    assert buffer.holds(100)
    buffer.append(numbered(1000 + LOOKBACK_MS, 1001 + LOOKBACK_MS))
    assert not buffer.holds(1000)


@pytest.mark.parametrize("forget", [InputBuffer.clear, lambda buffer: buffer.set_mode(None)])
def test_what_is_cleared_is_not_kept(forget: Callable[[InputBuffer], object]) -> None:
    buffer = ended(1700)
    forget(buffer)
    buffer.set_mode(0)
    buffer.append(numbered(600, 700))
    assert not buffer.holds(599)
