"""How many cores, GPUs, bits and dollars for how many sessions: multiplication alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from benchmarks.fleet import figures as known
from benchmarks.fleet.erlang import units_for
from benchmarks.fleet.table import number, percent, table

SESSIONS = (100, 1_000, 10_000, 100_000, 1_000_000)
CORES = (1, 2, 4, 8, 16, 64)
HOURS = 3600
PCM_OUT = 24_000 * 16 / 1e6
"""Mbit/s of the audio that clients get."""
PCM_MODELS = 16_000 * 16 / 1e6
"""Mbit/s of the audio that recognisers get."""
BASE64 = 4 / 3
FRAMES = 50
"""Appends, and datagrams, a second."""


@dataclass(frozen=True, slots=True)
class Size:
    """What so many sessions take, all at once."""

    sessions: int
    pods: int
    gateway_load: float
    """Share of a pod's core that is used."""
    memory_gb: float
    proxy_cores: int
    mbit_in: float
    mbit_out: float
    mbit_calls: float
    """Each way, where all are calls."""
    mbit_models: float
    hearing_cores: int
    voice_cores: int
    streaming_gpus: int
    whisper_gpus: int
    voice_gpus: int
    llm_gpus: int

    @property
    def fleet_dollars(self) -> float:
        """Dollars of a session's hour: gateways, balancers, and the traffic to clients."""
        cores = (self.pods + self.proxy_cores) * known.CORE_PRICE.value
        gigabytes = self.mbit_out / 8 / 1000 * HOURS
        return (cores + gigabytes * known.EGRESS_PRICE.value) / self.sessions

    @property
    def small_voice_dollars(self) -> float:
        """The same with models: streaming recogniser, LLM, and a voice that needs no GPU."""
        gpus = (self.streaming_gpus + self.llm_gpus) * known.GPU_PRICE.value
        cores = self.voice_cores * known.CORE_PRICE.value
        return self.fleet_dollars + (gpus + cores) / self.sessions

    @property
    def small_dollars(self) -> float:
        """The same with recogniser and voice on CPUs, the embedded ones."""
        cores = (self.hearing_cores + self.voice_cores) * known.CORE_PRICE.value
        return self.fleet_dollars + (cores + self.llm_gpus * known.GPU_PRICE.value) / self.sessions

    @property
    def large_voice_dollars(self) -> float:
        """The same with a voice on GPUs."""
        gpus = self.streaming_gpus + self.llm_gpus + self.voice_gpus
        return self.fleet_dollars + gpus * known.GPU_PRICE.value / self.sessions


def session_cpu() -> float:
    """Return the CPU of a session whose models are elsewhere, in ms per second."""
    calls = known.STT_CALL_CPU.value + 2 * known.TTS_CALL_CPU.value
    return known.SESSION_CPU.value + calls * known.BEGUN.value / known.TURN_EVERY.value


def embedded_cpu() -> float:
    """Return the CPU of a session whose recogniser and voice run in the gateway, in ms a second."""
    turn = known.EMBEDDED_STT.value + known.ANSWERED.value * known.EMBEDDED_TTS.value
    return known.SESSION_CPU.value + turn * known.BEGUN.value / known.TURN_EVERY.value


def pods_for(sessions: float) -> int:
    """Return how many gateways of one core serve that many sessions on average; never one alone."""
    return max(2, math.ceil(sessions / known.PLANNED.value))


def pod_memory_mb(sessions: float) -> float:
    """Return the memory of a gateway whose sessions all keep as much audio as they may, in MB."""
    return known.GATEWAY_MB.value + sessions * (known.IDLE_MB.value + known.KEPT_MB.value)


def size(sessions: int) -> Size:
    """Size a fleet for that many sessions at once."""
    pods = pods_for(sessions)
    turns = sessions / known.TURN_EVERY.value
    calls = turns * known.BEGUN.value
    speaking = known.ANSWERED.value / known.TURN_EVERY.value
    units = partial(units_for, wait=known.WAIT.value / 1000, load=known.LOAD.value)
    answer = (known.LLM_FIRST.value + known.TOKENS.value * known.LLM_TOKEN.value) / 1000
    window = known.WHISPER_WINDOW.value / known.WHISPER.value
    transcript = known.EMBEDDED_STT.value / 1000
    voice = known.EMBEDDED_TTS.value / 1000 * known.ANSWERED.value
    call_kbit = known.OPUS.value + FRAMES * known.DATAGRAM.value * 8 / 1000
    heard, said = known.ASKED.value * PCM_MODELS, known.ANSWERED.value * PCM_OUT
    return Size(
        sessions=sessions,
        pods=pods,
        gateway_load=sessions / pods * session_cpu() / 1000,
        memory_gb=pods * pod_memory_mb(sessions / pods) / 1000,
        proxy_cores=math.ceil(sessions * known.HAPROXY_CPU.value / 1000 / known.LOAD.value),
        mbit_in=sessions * FRAMES * known.APPEND_BYTES.value * 8 / 1e6,
        mbit_out=sessions * speaking * PCM_OUT * BASE64,
        mbit_calls=sessions * call_kbit / 1000,
        mbit_models=calls * (heard + said),
        hearing_cores=units(calls * transcript, 1, call=transcript),
        voice_cores=units(calls * voice, 1, call=voice),
        streaming_gpus=units(
            turns * known.ASKED.value, int(known.STREAMS.value), call=known.ASKED.value
        ),
        whisper_gpus=units(calls * window, 1, call=window),
        voice_gpus=units(
            calls * known.ANSWERED.value, int(known.MAGPIE.value), call=known.ANSWERED.value
        ),
        llm_gpus=units(calls * answer, int(known.LLM_PLACES.value), call=answer),
    )


def sizes() -> str:
    """Make the table of what sessions take."""
    all_sizes = [size(sessions) for sessions in SESSIONS]

    def gbit(mbit: float) -> str:
        return number(mbit / 1000)

    cell = known.CELL.value
    rows = [
        [f"cells of {cell:,.0f}", *(number(math.ceil(one.sessions / cell)) for one in all_sizes)],
        ["gateways, one core each", *(number(one.pods) for one in all_sizes)],
        ["used of that core", *(percent(one.gateway_load) for one in all_sizes)],
        ["their memory at most, GB", *(number(one.memory_gb) for one in all_sizes)],
        ["balancer's cores (HAProxy, no TLS)", *(number(one.proxy_cores) for one in all_sizes)],
        ["Gbit/s in, WebSocket", *(gbit(one.mbit_in) for one in all_sizes)],
        ["Gbit/s out, WebSocket", *(gbit(one.mbit_out) for one in all_sizes)],
        ["Gbit/s each way, as calls", *(gbit(one.mbit_calls) for one in all_sizes)],
        ["Gbit/s between gateways and models", *(gbit(one.mbit_models) for one in all_sizes)],
        ["recogniser that streams, H100", *(number(one.streaming_gpus) for one in all_sizes)],
        ["or Whisper turbo, H100", *(number(one.whisper_gpus) for one in all_sizes)],
        ["or the embedded one, cores", *(number(one.hearing_cores) for one in all_sizes)],
        ["the embedded voice, cores", *(number(one.voice_cores) for one in all_sizes)],
        ["or Magpie, H100", *(number(one.voice_gpus) for one in all_sizes)],
        ["Llama 3.1 8B, H100", *(number(one.llm_gpus) for one in all_sizes)],
        ["$ per session-hour, without models", *(f"{one.fleet_dollars:.4f}" for one in all_sizes)],
        ["$ with the embedded ones, and Llama", *(f"{one.small_dollars:.3f}" for one in all_sizes)],
        [
            "$ with the recogniser that streams, the embedded voice, and Llama",
            *(f"{one.small_voice_dollars:.3f}" for one in all_sizes),
        ],
        [
            "$ with the recogniser that streams, Magpie, and Llama",
            *(f"{one.large_voice_dollars:.3f}" for one in all_sizes),
        ],
    ]
    return table(["sessions at once", *(f"{sessions:,}" for sessions in SESSIONS)], rows)


def machines() -> str:
    """Make the table of what one machine carries."""
    load = known.LOAD.value
    rows = [
        [
            str(cores),
            number(math.floor(cores * load * 1000 / embedded_cpu())),
            number(math.floor(cores * min(known.PLANNED.value, load * 1000 / session_cpu()))),
        ]
        for cores in CORES
    ]
    head = ["cores", "recogniser and voice in process", "models elsewhere"]
    return table(head, rows)
