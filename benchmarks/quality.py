"""How well does a stack hear and speak? Words wrong, waits and CPU, for any configured stack.

The recogniser is given recordings, and what the voice of the stack itself says, clear and with
noise at two levels, and over a telephone; then noises without a word, of which nothing may come.
At last a server with the stack is talked to, for the waits that a user has.

    make quality                                     the stack of the environment and .env
    make quality ARGS="--profile offline"            another
    make quality ARGS="--languages zh"               in other languages than English
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from loguru import logger

from audio.pcm import SAMPLE_RATE, WIRE_RATE, duration_ms, read_wav, resample
from benchmarks import process
from benchmarks.caller import measure
from benchmarks.clip import speech_chunks
from benchmarks.local_server import configured_server
from benchmarks.quality_speech import (
    SENTENCES,
    Clip,
    by_telephone,
    noises,
    recordings,
    samples_of,
    with_noise,
)
from benchmarks.quality_table import bars, table
from benchmarks.scenarios import QUESTION, manual_commit
from clients.sdk import DEFAULT_MODEL, ClientError, dial, make_client
from config import ConfigError, Settings, load_settings
from hearing.word_errors import WordErrors, compare
from providers import stt as stt_providers
from providers import tts as tts_providers
from providers.base import ProviderSetupError, STTProvider, TTSProvider
from serving.stage_trials import hear, speak
from session.ports import FailureReason
from session.session_config import DEFAULT_VOICE
from telemetry.logs import configure_logging

CONDITIONS: dict[str, Callable[[Clip, int], Clip]] = {
    "clear": lambda clip, _seed: clip,
    "noise 20 dB below": lambda clip, seed: with_noise(clip, 20, seed),
    "noise 10 dB below": lambda clip, seed: with_noise(clip, 10, seed),
    "telephone": lambda clip, _seed: by_telephone(clip),
}
WHOLE, QUICK = 12, 2
"""Turns with the server; and how many clips of each speaker a quick run takes, and turns."""


@dataclass
class Heard:
    """What a recogniser made of the clips of one speaker, in one language and condition."""

    language: str
    speaker: str
    condition: str
    errors: WordErrors = field(default_factory=WordErrors)
    clips: int = 0
    empty: int = 0
    """Clips of which nothing was heard."""
    waits_ms: list[float] = field(default_factory=list)
    """From the end of each clip, all of it given at once, to its transcript."""
    cpu_s: float = 0.0
    speech_s: float = 0.0

    def add(self, clip: Clip, text: str, waited_ms: float, cpu_s: float) -> None:
        """Count a clip."""
        self.clips += 1
        self.empty += not text
        self.errors += compare(clip.text, text)
        self.waits_ms.append(waited_ms)
        self.cpu_s += cpu_s
        self.speech_s += clip.seconds

    def figures(self) -> dict[str, Any]:
        """Return what is printed and kept."""
        return {
            "language": self.language,
            "speaker": self.speaker,
            "condition": self.condition,
            "clips": self.clips,
            "empty": self.empty,
            "word_error_rate": round(self.errors.rate, 4),
            "transcript_ms": round(median(self.waits_ms)),
            "cpu_ms_per_turn": round(1000 * self.cpu_s / self.clips),
            "cpu_per_second": round(self.cpu_s / self.speech_s, 4),
        }


class Ears:
    """The recogniser of a stack on trial."""

    def __init__(self, provider: STTProvider, settings: Settings) -> None:
        """Try a provider that has been started."""
        self._provider = provider
        self._config = settings.stt

    async def understand(self, clip: Clip, language: str) -> tuple[str, float, float]:
        """Return what is heard in a clip, milliseconds until then, and CPU seconds.

        Raises:
            ClientError: The recogniser failed.
        """
        config = self._config
        if config.language is None and self._provider.languages != frozenset({language}):
            config = config.model_copy(update={"language": language})
        begun = process.cpu_seconds(os.getpid())
        heard = await hear(self._provider, config, clip.pcm)
        if isinstance(heard.result, FailureReason):
            raise ClientError(heard.result.message)
        return heard.result, heard.took_ms, process.cpu_seconds(os.getpid()) - begun


@dataclass
class Voice:
    """What the voice of a stack said in one language."""

    language: str
    clips: list[Clip]
    figures: dict[str, Any]


async def try_voice(
    provider: TTSProvider, settings: Settings, language: str, most: int | None
) -> Voice:
    """Let a voice say its sentences, or `most` of them.

    Raises:
        ClientError: It failed.
    """
    voice = settings.tts.voice_id or DEFAULT_VOICE
    clips, waits, cpu_s, audio_s = [], [], 0.0, 0.0
    for text in SENTENCES[language][:most]:
        begun = process.cpu_seconds(os.getpid())
        made = await speak(provider, settings.tts, voice, text)
        cpu_s += process.cpu_seconds(os.getpid()) - begun
        if made.error is not None:
            raise ClientError(made.error.message)
        if made.first_audio_ms is None:
            raise ClientError(f"TTS {provider.label} made no audio for “{text}”.")
        waits.append(made.first_audio_ms)
        audio_s += duration_ms(bytes(made.pcm)) / 1000
        pcm = resample(bytes(made.pcm), WIRE_RATE, SAMPLE_RATE)
        clips.append(Clip("own voice", text, samples_of(pcm)))
    figures = {
        "language": language,
        "voice": f"{provider.label}, {voice}",
        "first_audio_ms": round(median(waits)),
        "cpu_per_second": round(cpu_s / audio_s, 4),
    }
    return Voice(language, clips, figures)


async def try_stack(
    settings: Settings, languages: Sequence[str], most: int | None
) -> dict[str, Any]:
    """Try recogniser and voice, with `most` clips of each speaker.

    Raises:
        ProviderSetupError: One of them cannot start.
        ClientError: One of them failed.
    """
    voice = tts_providers.load(settings.tts)
    recogniser = stt_providers.load(settings.stt)
    await voice.start()
    await recogniser.start()
    try:
        voices = [await try_voice(voice, settings, language, most) for language in languages]
        ears = Ears(recogniser, settings)
        clips = [(one.language, clip) for one in voices for clip in one.clips]
        if "en" in languages:
            clips += [("en", clip) for clip in _some(recordings(), most)]
        # The first call of a process is slow, and no turn of a user's.
        await ears.understand(clips[0][1], clips[0][0])
        heard = await _hear_all(ears, clips)
        invented = [
            text
            for clip in noises()
            if (text := (await ears.understand(clip, languages[0]))[0].strip())
        ]
    finally:
        await recogniser.close()
        await voice.close()
    return {
        "recogniser": recogniser.label,
        "voices": [one.figures for one in voices],
        "heard": [row.figures() for row in heard],
        "noises": len(list(noises())),
        "invented": invented,
    }


def _some(clips: Iterable[Clip], most: int | None) -> Iterator[Clip]:
    taken: Counter[str] = Counter()
    for clip in clips:
        taken[clip.speaker] += 1
        if most is None or taken[clip.speaker] <= most:
            yield clip


async def _hear_all(ears: Ears, clips: Iterable[tuple[str, Clip]]) -> list[Heard]:
    rows: dict[tuple[str, str, str], Heard] = {}
    for seed, (language, clip) in enumerate(clips):
        for condition, spoil in CONDITIONS.items():
            key = (language, clip.speaker, condition)
            row = rows.setdefault(key, Heard(*key))
            text, waited_ms, cpu_s = await ears.understand(spoil(clip, seed), language)
            row.add(clip, text, waited_ms, cpu_s)
    return list(rows.values())


def talk_to(flags: Sequence[str], count: int) -> dict[str, float]:
    """Talk to a server with the stack.

    Args:
        flags: Of its command line.
        count: Turns, the first of which is a warm-up.

    Returns:
        Waits in ms, and memory in MB.

    Raises:
        ClientError: The server cannot be talked to.
    """
    speech = speech_chunks(read_wav(QUESTION))
    with configured_server(*flags) as server:
        client = make_client(server.url, os.environ.get("OPENAI_API_KEY") or "none")
        connect = partial(dial, client, DEFAULT_MODEL)
        measured = asyncio.run(measure(connect, 1, count, speech, lambda: None))
        turns = [turn.delays_ms() for turn in measured.turns if turn.number > 0]
        manual = asyncio.run(manual_commit(server.url, count))
        memory = sum(process.holdings(pid).memory_mb for pid in process.family(server.pid))
    detected = [turn["first audio delta"] - turn["speech_stopped"] for turn in turns]
    return {
        "detected_ms": round(median(detected)),
        "detected_max_ms": round(max(detected)),
        "manual_ms": round(median(manual[1:])),
        "manual_max_ms": round(max(manual[1:])),
        "memory_mb": round(memory),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Try a stack, print what was found, and keep it if asked to."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--profile", metavar="NAME", help="a ready-made stack")
    parser.add_argument("--config", metavar="FILE", help="TOML file with settings")
    parser.add_argument(
        "--languages", default="en", help=f"of {','.join(SENTENCES)} (default: %(default)s)"
    )
    parser.add_argument("--name", help="what the stack is called (default: its profile)")
    parser.add_argument("--quick", action="store_true", help="a few clips and turns alone")
    parser.add_argument("--record", metavar="FILE", help="keep the figures in a JSON file")
    arguments = parser.parse_args(argv)
    languages = arguments.languages.split(",")
    if unknown := set(languages) - SENTENCES.keys():
        parser.error(f"there are no sentences in {', '.join(sorted(unknown))}")
    if not sys.platform.startswith("linux"):
        parser.error("CPU and memory are read from Linux's /proc")
    flags = [
        part
        for flag in ("profile", "config")
        if (value := getattr(arguments, flag))
        for part in (f"--{flag}", os.path.abspath(value) if flag == "config" else value)
    ]
    try:
        settings = load_settings(arguments.config, arguments.profile)
        configure_logging(settings.server.model_copy(update={"log_level": "warning"}))
        logger.disable("pipecat")
        begun = time.monotonic()
        found = asyncio.run(try_stack(settings, languages, QUICK if arguments.quick else None))
        found["talk"] = talk_to(flags, QUICK if arguments.quick else WHOLE)
    except (ConfigError, ProviderSetupError, ClientError) as error:
        raise SystemExit(f"error: {error}") from None
    name = arguments.name or arguments.profile or "embedded"
    print(table(name, found))
    judged = bars(found) if name == "embedded" and not arguments.quick else []
    print("\n" + "\n".join(map(str, judged)))
    print(f"\n{time.monotonic() - begun:.0f} s")
    if arguments.record:
        _record(Path(arguments.record), name, found)
    if not all(bar.met for bar in judged):
        raise SystemExit(1)


def _record(file: Path, name: str, found: dict[str, Any]) -> None:
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    kept[name] = found
    file.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
