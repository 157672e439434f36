"""The numbers that go in, each with where it is from: the only place to change one.

Measured are those of this repository's own benchmarks, read from what they keep, and a few that
were measured once. Published are other people's. Assumed is what nobody can know but you.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import fmean

DOCS = Path(__file__).resolve().parents[2] / "docs"


class Origin(StrEnum):
    """How far a number is to be trusted."""

    MEASURED = "measured"
    PUBLISHED = "published"
    SETTING = "setting"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, and why it is that number."""

    what: str
    value: float
    unit: str
    origin: Origin
    source: str


def _measured(what: str, value: float, unit: str, source: str) -> Figure:
    return Figure(what, value, unit, Origin.MEASURED, source)


def _published(what: str, value: float, unit: str, source: str) -> Figure:
    return Figure(what, value, unit, Origin.PUBLISHED, source)


def _setting(what: str, value: float, unit: str, source: str) -> Figure:
    return Figure(what, value, unit, Origin.SETTING, source)


def _assumed(what: str, value: float, unit: str, source: str) -> Figure:
    return Figure(what, value, unit, Origin.ASSUMED, source)


def _carried() -> tuple[float, float]:
    """Return what `sessions_per_core` found: sessions that one core carries, CPU ms a second."""
    trials = json.loads((DOCS / "performance.json").read_text(encoding="utf-8"))["trials"]
    best = max(
        (
            one
            for one in trials
            if not one["problem"] and one["p99_ms"] <= 100 and not one["dry_ms"]
        ),
        key=lambda one: one["sessions"],
    )
    return float(best["sessions"]), round(best["cpu_ms"], 1)


def _embedded() -> tuple[float, float]:
    """Return what `quality` found: CPU ms of a person's turn, CPU ms of a second of voice."""
    stack = json.loads((DOCS / "quality.json").read_text(encoding="utf-8"))["embedded"]
    turns = [one["cpu_ms_per_turn"] for one in stack["heard"] if one["speaker"] == "human"]
    return round(fmean(turns)), round(1000 * stack["voices"][0]["cpu_per_second"])


_SESSIONS, _SESSION_CPU = _carried()
_TURN_CPU, _VOICE_CPU = _embedded()
_PERFORMANCE = "[performance.md](performance.md)"
_ONCE = "two shared cores, Python 3.11; measured once, in November 2026"
_CHART = "`deploy/kubernetes/values.yaml`"
_NIM = "https://docs.nvidia.com/nim"

# --- gateways -------------------------------------------------------------------------------------

SESSIONS_PER_CORE = _measured(
    "sessions that a core carries", _SESSIONS, "", "`python -m benchmarks.sessions_per_core`"
)
SESSIONS_PER_SLOW_CORE = _measured(
    "the same, of a core that is 2.5 times as slow", 75, "", f"{_PERFORMANCE}, Where it ends"
)
SESSION_CPU = _measured(
    "CPU of a session, a turn every 10 s",
    _SESSION_CPU,
    "ms per second",
    "`python -m benchmarks.sessions_per_core`, the most sessions that were carried",
)
START_CPU = _measured("CPU of a session's start", 1.5, "ms", _ONCE)
GATEWAY_MB = _measured("memory of a gateway", 180, "MB", f"without engines in process; {_ONCE}")
IDLE_MB = _measured("memory of an idle session", 0.2, "MB", _PERFORMANCE)
KEPT_MB = _measured(
    "memory of a session's audio, at most", 14.4, "MB", "`server.kept_audio_minutes` 5"
)
START_S = _measured("start of a gateway, until it is ready", 6, "s", _ONCE)
PLANNED = _setting(
    "sessions of a pod on average", 70, "", f"`autoscaling.sessionsPerPod` in {_CHART}"
)
PLACES = _setting("sessions of a pod at most", 100, "", f"`sessionsPerPod` in {_CHART}")
SESSION_LIMIT = _setting("a session's longest time", 60, "min", "`server.session_limit_minutes`")

# --- conversations --------------------------------------------------------------------------------

TURN_EVERY = _assumed("a turn comes every", 10, "s", "as in the benchmarks")
ASKED = _assumed("of which the user speaks", 3, "s", "as in the benchmarks")
ANSWERED = _assumed("and the answer lasts", 4, "s", "")
TOKENS = _assumed("an answer's tokens", 60, "", "15 a second of speech")
BEGUN = _assumed(
    "answers begun, for each that is heard",
    1.3,
    "",
    "yours: 1 + `realtime_speculations_discarded_total` / `realtime_turns_total`",
)
CONVERSATION = _assumed("a conversation lasts on average", 5, "min", "exponentially distributed")

# --- balancers and networks -----------------------------------------------------------------------

APPEND_BYTES = _measured(
    "an append of 20 ms of audio",
    1338,
    "bytes",
    "as `benchmarks/crowd.py` sends it, a frame of all",
)
OPUS = _measured("audio of a call", 40, "kbit/s", f"{_PERFORMANCE}, Calls")
DATAGRAM = _assumed(
    "headers of a call's datagram, 50 a second", 50, "bytes", "IP 20, UDP 8, RTP 12, SRTP's tag 10"
)
_ECHO = f"an echo of 50 messages of 1.3 kB a second each way, without TLS; {_ONCE}"
HAPROXY_CPU = _measured("CPU of HAProxy for a session", 2.9, "ms per second", _ECHO)
ENVOY_CPU = _measured("CPU of Envoy for a session", 4.1, "ms per second", _ECHO)

# --- models ---------------------------------------------------------------------------------------

STT_CALL_CPU = _measured(
    "CPU of the way of a transcription, at one end", 1.1, "ms", f"uvicorn, no engine; {_ONCE}"
)
TTS_CALL_CPU = _measured(
    "CPU of the way of a spoken answer, at one end",
    2.8,
    "ms",
    f"uvicorn, no engine, 20 chunks; {_ONCE}. At the gateway's end, and for the model's, assumed",
)
EMBEDDED_STT = _measured(
    "CPU of a transcript, embedded recogniser", _TURN_CPU, "ms", "[quality.md](quality.md)"
)
EMBEDDED_TTS = _measured(
    "CPU of a second of the embedded voice", _VOICE_CPU, "ms", "[quality.md](quality.md)"
)
STREAMS = _published(
    "streams of a streaming recogniser, Nemotron Speech, on an H100",
    560,
    "",
    "https://huggingface.co/blog/nvidia/nemotron-speech-asr-scaling-voice-agents",
)
WHISPER = _published(
    "speed of Whisper large-v3-turbo on an H100, 32 files at once",
    404,
    "× real time",
    "https://inferencebench.io/blog/whisper-large-v3-turbo-597x-realtime-asr-benchmark/",
)
WHISPER_WINDOW = _published(
    "what Whisper makes of each turn",
    30,
    "s",
    "its encoder's window: https://arxiv.org/abs/2212.04356",
)
MAGPIE = _published(
    "texts that Magpie TTS speaks at once",
    64,
    "",
    f"{_NIM}/riva/tts/latest/release-notes.html, 1.8.0; that it takes an H100 for that is assumed",
)
LLM_PLACES = _published(
    "requests at once of Llama 3.1 8B on an H100",
    100,
    "",
    f"{_NIM}/benchmarking/llm/1.0.0/performance, version 1.8.0, 12,215 tokens/s in all",
)
LLM_FIRST = _published("its first token then takes", 120, "ms", "the same")
LLM_TOKEN = _published("and each further one", 7.57, "ms", "the same")
LOAD = _assumed("load that is planned for", 0.65, "of what models and balancers can do", "")
WAIT = _assumed("longest wait for a place at a model", 100, "ms", "for 99 of 100 calls")
CALL = _assumed("a call of a model, in the table of pools", 200, "ms", "")
QUEUE = _setting("calls that may wait at a model server", 4, "", "`model_server.queue`")

# --- prices ---------------------------------------------------------------------------------------

CORE_PRICE = _assumed("a core", 0.04, "$ per hour", "put in your own")
GPU_PRICE = _assumed("an H100", 2.5, "$ per hour", "put in your own")
EGRESS_PRICE = _assumed("traffic to clients", 0.05, "$ per GB", "put in your own")

# --- clusters -------------------------------------------------------------------------------------

_HPA = (
    "https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/, "
    "`pkg/controller/podautoscaler` of Kubernetes"
)
SYNC = _published("the autoscaler looks every", 15, "s", _HPA)
TOLERANCE = _published("and overlooks a difference of", 0.1, "of what it aims at", _HPA)
SCRAPE = _setting("Prometheus asks every", 15, "s", f"`serviceMonitor.interval` in {_CHART}")
SCHEDULING = _assumed(
    "from a pod's creation to its start, where its node is there", 5, "s", "the image is there too"
)
PROBES = _setting("until probes and the balancer know of it", 5, "s", "probes every 2 and 3 s")
NEW_NODE = _assumed("a node that has to be started first", 90, "s", "of a cloud")
NODE_LOST = _published(
    "until a node that is cut off counts as lost",
    50,
    "s",
    "kube-controller-manager, `--node-monitor-grace-period`",
)
EVICTION = _published(
    "and until its pods are replaced",
    300,
    "s",
    "the toleration that Kubernetes gives every pod: "
    "https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/",
)
PING = _setting("the server pings every", 20, "s", "`limits.ping_interval_s`; clients do the like")
PONG = _setting("and waits for a sign of life", 20, "s", "`limits.ping_timeout_s`")
PRE_STOP = _setting(
    "pause before a pod is told to end", 5, "s", f"`drain.preStopSeconds` in {_CHART}"
)
MIN_READY = _setting("a new pod must be ready for", 5, "s", "`minReadySeconds` of the chart")
SURGE = _setting("pods above the number in an update", 0.25, "", "`maxSurge` of the chart")
SCALE_DOWN = _setting(
    "pods that may go in five minutes", 0.1, "", f"`autoscaling.scaleDownPercent` in {_CHART}"
)
SCALE_DOWN_AFTER = _setting("after fewer were enough for", 600, "s", "the chart's autoscaler")
CELL = _assumed(
    "sessions of a cell", 20_000, "", "what one cluster, one balancer and one bad change may take"
)
TRIES = _assumed("pods that a balancer asks for a session", 3, "", "the first, and two after 503")
NOTICE = _assumed(
    "until a client knows that its server was killed", 0.1, "s", "its connection is reset"
)
RECONNECT_FIRST = _published(
    "a client comes back after",
    0.5,
    "s",
    "the `openai` SDK 3.57: doubled each time, less up to 25 %",
)
RECONNECT_MOST = _published("but at most after", 8, "s", "the same")
RECONNECT_TRIES = _published("and gives up after", 5, "attempts", "the same")


def all_figures() -> list[Figure]:
    """Return every figure, in the order in which they stand here."""
    return [value for value in globals().values() if isinstance(value, Figure)]
