"""The benchmarks with many callers: their frames, their verdicts, their picture, a short run."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import SERVER, Protocol

from audio.pcm import silence
from benchmarks import plot
from benchmarks.bar import Bar
from benchmarks.crowd import Answer, append_frames, event_frame, frame
from benchmarks.scenarios import manual_commit
from benchmarks.sessions_per_core import Trial, carried
from benchmarks.smoke import batching
from tests.support.running_server import running


@pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536])
def test_a_frame_is_what_a_server_reads(length: int) -> None:
    protocol = Protocol(SERVER)
    protocol.receive_data(frame(b"x" * length))
    (received,) = protocol.events_received()
    assert isinstance(received, Frame)
    assert (received.opcode, received.data) == (Opcode.TEXT, b"x" * length)


def test_audio_is_cut_into_whole_chunks() -> None:
    assert len(append_frames(silence(50))) == 2
    assert append_frames(silence(20))[0] == event_frame(
        "input_audio_buffer.append", audio="A" * 1280
    )


def test_a_player_that_runs_dry_is_noticed() -> None:
    answer = Answer(decided=0.0, stopped=0.1)
    answer.take_audio(1.0, 0.4)
    answer.take_audio(1.3, 0.4)
    assert answer.late_s == 0
    answer.take_audio(2.0, 0.4)
    assert answer.late_s == pytest.approx(0.2)
    assert answer.first_audio == 1.0


def trial(sessions: int, p99_ms: float, dry_ms: float = 0.0) -> Trial:
    return Trial(sessions, 50, 40.0, p99_ms, dry_ms, 8.0, sessions / 120, 0.0, 3.0)


def test_what_is_carried_is_in_time_and_never_dry() -> None:
    assert carried([trial(25, 50), trial(50, 100), trial(75, 101), trial(100, 60, 5.0)]) == 50
    assert carried([trial(25, 500)]) == 0


def test_a_bar_says_whether_it_is_met() -> None:
    assert str(Bar("waiting", 39.96, 40)).split() == ["waiting", "40.0", "≤", "40", "ms", "met"]
    missed = Bar("conversations", 75, 100, "sessions", at_least=True)
    assert str(missed).split()[-1] == "MISSED"


def test_the_picture_is_well_formed() -> None:
    trials = json.loads(json.dumps([vars(trial(25, 50)), vars(trial(50, 5000))]))
    picture = ElementTree.fromstring(plot.draw(trials))
    lines = picture.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 3


def test_windows_in_a_batch_are_cheaper() -> None:
    assert batching(20) < 0.9


async def test_a_caller_gets_an_answer() -> None:
    async with running() as server:
        (wait,) = await manual_commit(server.url.partition("?")[0], 1)
        assert wait > 0
        await server.emptied()
