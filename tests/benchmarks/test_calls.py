"""The benchmarks of calls: what callers send and hear, and how a lossy call is judged."""

from __future__ import annotations

import pytest

from audio.pcm import read_wav
from benchmarks import sessions_per_core as per_core
from benchmarks.call_client import CallCaller, join_call, opus_frames, post
from benchmarks.call_loss import lossy_call
from benchmarks.calls import kinds, leave, waits_ms
from benchmarks.clip import speech_chunks
from benchmarks.crowd import Answer, talk
from clients.sdk import ClientError
from peers.webrtc.opus import FRAME_BYTES, OpusDecoder
from tests.support.running_server import RunningServer, running


def url(server: RunningServer) -> str:
    return server.url.partition("?")[0]


def test_packets_have_the_words_of_the_frames_and_no_pause_for_a_rooms_noise() -> None:
    pcm = per_core.room(400) + b"".join(speech_chunks(read_wav(per_core.QUESTION)))
    packets = opus_frames(pcm)
    assert len(packets) == len(pcm) // FRAME_BYTES
    decoder = OpusDecoder()
    assert {len(decoder.decode(packet)) for packet in packets} == {FRAME_BYTES}
    assert not any(decoder.silent(packet) for packet in packets)


def test_both_kinds_of_session_get_the_same_turn() -> None:
    socket, call = kinds()
    assert len(socket.script.frames) == len(call.script.frames)
    assert socket.script.voiced == call.script.voiced


async def test_a_caller_talks_and_hears_the_answer() -> None:
    async with running() as server:
        call = kinds()[1]
        caller, opened = await join_call(url(server), call.script.frames, per_core.session())
        assert isinstance(caller, CallCaller)
        assert opened > 0
        caller.voiced = call.script.voiced
        await talk([caller], lambda _now: bool(caller.answers) and caller.sound_frames > 5)
        assert caller.problem is None
        assert [wait > 0 for wait in waits_ms([caller])] == [True]
        assert len(caller.spacings_ms) > 0
        await leave([caller])
        await server.emptied()


async def test_a_refused_offer_says_why() -> None:
    async with running() as server:
        with pytest.raises(ClientError, match="400"):
            await post(url(server).replace("ws://", "http://") + "/calls", "no offer")


async def test_a_call_keeps_all_its_audio_without_loss_and_nearly_all_with_it() -> None:
    assert (await lossy_call(2.0, 0.0)).kept > 0.99
    lossy = await lossy_call(3.0, 0.1)
    assert lossy.kept > 0.9
    assert lossy.concealed < 0.1


def test_a_player_of_a_call_holds_frames_back() -> None:
    answer = Answer(decided=0.0, stopped=0.1)
    for at in (1.0, 1.02, 1.05):
        answer.take_audio(at, 0.02)
    assert answer.late_s == pytest.approx(0.01)
