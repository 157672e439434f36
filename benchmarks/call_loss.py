"""What arrives of a call whose packets are lost on the way, and how late: mouth to session.

The server's end of a call stands alone here, without a session behind it, so that each sample is
seen the moment a session would get it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from audio.pcm import read_wav
from benchmarks.call_client import CallCaller, opus_frames
from benchmarks.clip import speech_chunks
from benchmarks.crowd import CHUNK_MS, talk
from benchmarks.sessions_per_core import QUESTION
from config import LimitsConfig, WebRTCConfig
from peers.webrtc.media_port import MediaPort
from peers.webrtc.peer import WebRTCPeer
from wire.dialect import GADialect
from wire.incoming import AppendedAudio

LOSS = 0.1
"""The part of the packets that is lost, each by itself."""
_BYTES_PER_MS = 48
_SETTLING_S = 1.0


@dataclass(frozen=True)
class Heard:
    """What came of a lossy call."""

    kept: float
    """Audio that a session got, relative to what was said."""
    concealed: float
    """The part of it that is made up."""
    p50_ms: float
    p95_ms: float
    """From sending a packet that arrives to having its samples."""


async def lossy_call(seconds: float, loss: float = LOSS) -> Heard:
    """Talk without a pause, and lose packets."""
    port = await MediaPort.open(WebRTCConfig(), host="127.0.0.1", port=0, owner="b")
    caller = CallCaller(opus_frames(b"".join(speech_chunks(read_wav(QUESTION))), loss))
    try:
        link, answer = await port.answer(await caller.offer())
        peer = WebRTCPeer(link, GADialect(), LimitsConfig())
        await caller.accept(answer)
        await peer.connected()
        caller.connected(answer)
        arrivals: list[tuple[float, float]] = []
        listening = asyncio.create_task(_listen(peer, arrivals))
        # The first packet tells the server that there is a stream.
        await talk([caller], lambda now: now > 0.1)
        caller.loss = loss
        await talk([caller], lambda now: now > seconds)
        caller.loss = 0.0
        await asyncio.sleep(_SETTLING_S)
        listening.cancel()
        return _judged(caller, arrivals, peer.stats.concealed_ms)
    finally:
        await caller.connection.close()
        await port.close()


async def _listen(peer: WebRTCPeer, arrivals: list[tuple[float, float]]) -> None:
    """Note when how many milliseconds of audio had come in all."""
    total = 0.0
    async for incoming in peer.incoming():
        if isinstance(incoming, AppendedAudio):
            total += len(incoming.audio) / _BYTES_PER_MS
            arrivals.append((perf_counter(), total))


def _judged(caller: CallCaller, arrivals: list[tuple[float, float]], concealed_ms: float) -> Heard:
    """Compare what was said with what came.

    What came after the last packet is no part of it: a track that stops becomes silence.
    """
    times = np.array([at for at, _ in arrivals])
    totals = np.array([total for _, total in arrivals])
    sent = np.array(caller.sent)
    ends = (np.arange(len(sent)) + 1) * CHUNK_MS
    places = np.searchsorted(totals, ends - 0.5)
    came = (places < len(times)) & ~np.array(caller.lost)
    delays = 1000 * (times[places[came]] - sent[came])
    in_time = totals[times <= sent[-1] + 0.2]
    return Heard(
        kept=min(1.0, float(in_time[-1]) / float(ends[-1])),
        concealed=concealed_ms / float(ends[-1]),
        p50_ms=float(np.percentile(delays, 50)),
        p95_ms=float(np.percentile(delays, 95)),
    )
