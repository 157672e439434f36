"""The latency benchmark: where a voice ends, what is made of the times, and a run of it."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE, read_wav, silence, write_wav
from benchmarks.caller import MILESTONES, Measurement, Turn, measure
from benchmarks.clip import speech_chunks, voiced_samples
from benchmarks.local_server import LocalServer
from benchmarks.process import Holdings
from benchmarks.soak import BAR_MB, Soak, slope, verdict
from benchmarks.voice_latency import QUESTION, as_json, parse_arguments, summarise, table
from clients.sdk import ClientError, Connect
from tests.support.places import ROOT

NAMES = list(MILESTONES.values())
CHUNK_BYTES = WIRE_RATE // 50 * BYTES_PER_SAMPLE


def tone(ms: int, db: float = 0.0, rate: int = WIRE_RATE) -> bytes:
    """Sound, `db` above an amplitude of 10,000."""
    wave = np.sin(2 * np.pi * 200 / rate * np.arange(rate * ms // 1000))
    return bytes((10_000 * 10 ** (db / 20) * wave).astype("<i2"))


class TestWhereTheVoiceEnds:
    def test_silence_behind_it_does_not_count(self) -> None:
        assert voiced_samples(silence(100) + tone(300) + silence(200)) == 400 * 24

    def test_a_clip_may_end_with_it(self) -> None:
        assert voiced_samples(tone(300)) == 300 * 24

    @pytest.mark.parametrize(("db", "end_ms"), [(-35, 400), (-45, 300)])
    def test_the_limit_is_40_db_below_the_loudest(self, db: float, end_ms: int) -> None:
        assert voiced_samples(tone(300) + tone(100, db)) == end_ms * 24

    def test_loudness_of_the_clip_does_not_matter(self) -> None:
        assert voiced_samples(tone(300, -30) + tone(100, -50)) == 400 * 24

    def test_it_ends_with_a_whole_frame(self) -> None:
        assert voiced_samples(tone(303) + silence(200)) == 310 * 24

    def test_the_voice_may_pause(self) -> None:
        assert voiced_samples(tone(100) + silence(300) + tone(100) + silence(50)) == 500 * 24

    def test_other_rates(self) -> None:
        assert voiced_samples(tone(300, rate=16000) + silence(100, 16000), 16000) == 300 * 16

    @pytest.mark.parametrize("pcm", [b"", silence(300), tone(5)])
    def test_without_sound_there_is_no_end(self, pcm: bytes) -> None:
        with pytest.raises(ValueError, match="no sound"):
            voiced_samples(pcm)

    def test_the_last_chunk_ends_with_it(self) -> None:
        chunks = speech_chunks(tone(310) + silence(200))
        assert {len(chunk) for chunk in chunks} == {CHUNK_BYTES}
        assert b"".join(chunks) == silence(10) + tone(310)

    def test_the_default_clip(self) -> None:
        speech = speech_chunks(read_wav(QUESTION))
        assert 2.5 < len(speech) / 50 < 3.0


def turn(session: int, number: int, first_ms: float) -> Turn:
    """A turn whose milestones are 10 ms apart."""
    arrivals = {name: 7 + (first_ms + 10 * at) / 1000 for at, name in enumerate(NAMES)}
    return Turn(session, number, spoken=7.0, arrivals=arrivals)


def two_sessions(cpu_s: float | None = 0.5) -> Measurement:
    turns = [turn(0, 0, 900), turn(0, 1, 510), turn(0, 2, 530)]
    turns += [turn(1, 0, 920), turn(1, 1, 570), turn(1, 2, 550)]
    return Measurement(turns, late_ms=1.5, session_s=20.0, cpu_s=cpu_s)


class TestTable:
    def test_median_and_maximum_leave_the_warm_up_out(self) -> None:
        delays = summarise(two_sessions())
        assert list(delays) == NAMES
        stopped = delays["speech_stopped"]
        assert stopped.median == pytest.approx(540)
        assert stopped.max == pytest.approx(570)
        assert stopped.warm_up == pytest.approx(910)
        assert delays["response.done"].median == pytest.approx(590)

    def test_table(self) -> None:
        rows = [" ".join(line.split()) for line in table(2, two_sessions()).splitlines()]
        assert rows == [
            "2 sessions at once, 4 turns median max warm-up",
            "speech_stopped 540 570 910",
            "committed 550 580 920",
            "response.created 560 590 930",
            "first transcript delta 570 600 940",
            "first audio delta 580 610 950",
            "response.done 590 620 960",
            "server CPU, ms per session-second 25.0",
            "latest chunk, ms behind its time 1.5",
        ]

    def test_unknown_cpu_time_is_left_out(self) -> None:
        assert "CPU" not in table(2, two_sessions(cpu_s=None))
        assert as_json(2, two_sessions(cpu_s=None))["server_cpu_ms_per_session_second"] is None

    @pytest.mark.parametrize(
        "argv", [["--turns", "1"], ["--turns", "x"], ["--sessions", "0"], ["--sessions", "1,,4"]]
    )
    def test_bad_counts_are_refused(self, argv: list[str]) -> None:
        with pytest.raises(SystemExit):
            parse_arguments(argv)

    def test_counts_of_sessions(self) -> None:
        assert parse_arguments([]).sessions == [1, 4]


class FakeConnection:
    """A server that answers the last chunk of the clip, or one before, with some events."""

    def __init__(self, trigger: bytes, answer: list[dict[str, Any]]) -> None:
        self.session = self
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.heard: list[bytes] = []
        self._trigger, self._answer = trigger, answer

    async def update(self, **_session: object) -> None:
        self.events.put_nowait({"type": "session.created"})
        self.events.put_nowait({"type": "session.updated"})

    async def send_raw(self, message: str) -> None:
        audio = base64.b64decode(json.loads(message)["audio"])
        self.heard.append(audio)
        if audio == self._trigger:
            for event in self._answer:
                self.events.put_nowait(event)

    async def recv_bytes(self) -> bytes:
        return json.dumps(await self.events.get()).encode()


def connecting(connection: FakeConnection) -> Connect:
    @asynccontextmanager
    async def connect() -> Any:
        yield cast(AsyncRealtimeConnection, connection)

    return connect


def answer(status: str = "completed", without: str = "") -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = [{"type": kind} for kind in MILESTONES if kind != without]
    events[-1]["response"] = {"status": status, "status_details": {"type": status}}
    return events


SPEECH = [tone(20, db) for db in (-2, -1, 0)]


class TestCaller:
    @pytest.fixture(autouse=True)
    def short_pauses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("benchmarks.caller.PAUSE_MS", 40)

    async def test_speaks_after_a_pause_and_notes_what_comes(self) -> None:
        connection = FakeConnection(SPEECH[-1], answer())
        result = await measure(connecting(connection), 1, 2, SPEECH, lambda: None)
        sounds = [at for at, audio in enumerate(connection.heard) if any(audio)]
        assert [connection.heard[at] for at in sounds] == SPEECH * 2
        assert sounds[:3] == [2, 3, 4]
        assert [entry.number for entry in result.turns] == [0, 1]
        for entry in result.turns:
            delays = list(entry.delays_ms().values())
            assert delays == sorted(delays)
            assert delays[0] >= 0
        assert result.cpu_s is None
        assert result.session_s == pytest.approx(len(connection.heard) / 50)

    @pytest.mark.parametrize(
        ("trigger", "events", "message"),
        [
            (0, answer(), "before the clip did"),
            (-1, answer("failed"), "A response is failed"),
            (-1, answer(without="response.output_audio.delta"), "no first audio delta"),
            (-1, [{"type": "error", "error": {"message": "out of order"}}], "out of order"),
        ],
    )
    async def test_what_cannot_be_measured_is_said(
        self, trigger: int, events: list[dict[str, Any]], message: str
    ) -> None:
        connection = FakeConnection(SPEECH[trigger], events)
        with pytest.raises(ClientError, match=message):
            await measure(connecting(connection), 1, 2, SPEECH, lambda: None)


@pytest.mark.long
def test_a_whole_run(tmp_path: Path) -> None:
    """One session and two turns with half a second of the default clip, on its own server."""
    clip, figures = tmp_path / "clip.wav", tmp_path / "figures.json"
    question = read_wav(QUESTION)
    second = WIRE_RATE * BYTES_PER_SAMPLE
    write_wav(clip, question[second // 2 : second])
    command = [sys.executable, "-m", "benchmarks.voice_latency", "--sessions", "1", "--turns", "2"]
    command += ["--wav", str(clip), "--json", str(figures)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    for name in ("1 session at once, 1 turn ", *NAMES, "latest chunk"):
        assert name in run.stdout
    (result,) = json.loads(figures.read_text())
    assert [entry["warm_up"] for entry in result["turns"]] == [True, False]
    for entry in result["turns"]:
        assert list(entry["ms"]) == NAMES
        assert list(entry["ms"].values()) == sorted(entry["ms"].values())


class TestSoak:
    """What the soak test makes of what it saw."""

    @staticmethod
    def soak(grown_mb: float, errors: list[str] | None = None) -> Soak:
        """A hundred looks at a server that grows by so much per 1,000 sessions once it is warm."""
        seen = Soak(LocalServer("ws://nowhere/v1/realtime", 0, BytesIO()), 60)
        seen.errors = errors or []
        seen.looks = [
            (10 * look, Holdings(200 + min(look, 20) + grown_mb * 10 * look / 1000, 25, 4))
            for look in range(100)
        ]
        return seen

    def test_growth_is_that_after_the_warm_up(self) -> None:
        assert slope(self.soak(0.5).looks) == pytest.approx(0.5)

    def test_too_few_sessions_tell_nothing(self) -> None:
        with pytest.raises(ClientError, match="--minutes"):
            slope(self.soak(0).looks[-1:])

    @pytest.mark.parametrize(
        ("grown_mb", "left", "after", "tasks", "errors", "problem"),
        [
            (0.5, 0, Holdings(221, 18, 4), 9, [], None),
            (1.5, 0, Holdings(221, 18, 4), 9, [], "memory grows"),
            (0.5, 2, Holdings(221, 18, 4), 9, [], "2 sessions"),
            (0.5, 0, Holdings(221, 26, 4), 9, [], "26 files"),
            (0.5, 0, Holdings(221, 18, 5), 9, [], "5 threads"),
            (0.5, 0, Holdings(221, 18, 4), 10, [], "10 tasks"),
            (0.5, 0, Holdings(221, 18, 4), 9, ["spoken: x"], "spoken: x"),
        ],
    )
    def test_the_verdict(
        self,
        grown_mb: float,
        left: int,
        after: Holdings,
        tasks: int,
        errors: list[str],
        problem: str | None,
    ) -> None:
        found = verdict(self.soak(grown_mb, errors), left, after, (9, tasks), BAR_MB)
        assert [problem in text for text in found if problem] == [True] * bool(problem)
        assert len(found) == bool(problem)
