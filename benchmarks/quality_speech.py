"""What ears are tried with: speech whose words are known, noise to put over it, and mere noises."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio.formats import AudioFormat
from audio.pcm import SAMPLE_RATE, resample

FLITE = Path(__file__).resolve().parent / "data" / "speech"
"""Twenty sentences by two voices of flite, 16 kHz."""

SENTENCES = {
    "en": (
        "Hello, how are you doing today?",
        "What is the weather like in London this morning?",
        "Please set a timer for ten minutes.",
        "Can you tell me a short story about a dog?",
        "I would like to book a table for two people at seven thirty.",
        "Turn off the lights in the living room.",
        "What time does the next train leave for Boston?",
        "The quick brown fox jumps over the lazy dog.",
        "I need to change my flight to next Friday.",
        "Thank you very much for your help.",
        "The meeting was moved to the second floor.",
        "She bought fresh bread and a bottle of milk.",
        "Could you repeat the last sentence, please?",
        "My phone number ends with four seven one.",
        "It will probably rain in the afternoon.",
        "We walked along the river until it was dark.",
        "The museum opens at nine and closes at five.",
        "Remember to call your mother on Sunday.",
        "There are twelve apples in the basket.",
        "He forgot where he had parked the car.",
    ),
    "zh": (
        "你好，今天的天气怎么样？",
        "请给我讲一个关于小狗的故事。",
        "我想订一张明天去北京的火车票。",
        "请把客厅的灯关掉。",
        "现在几点了？",
        "谢谢你的帮助。",
        "我们下午三点开会。",
        "这本书非常有意思。",
        "附近有没有好吃的饭馆？",
        "请再说一遍最后一句话。",
    ),
}
"""Language → what the voice of a stack says."""

_HUMAN = {
    "two_cities.wav": (
        (0.39, 4.79, "It was the best of times, it was the worst of times."),
        (4.87, 8.43, "It was the age of wisdom, it was the age of foolishness."),
        (8.67, 13.01, "It was the epoch of belief, it was the epoch of incredulity."),
        (13.33, 16.91, "It was the season of light, it was the season of darkness."),
        (
            17.41,
            24.23,
            "It was the spring of hope, it was the winter of despair, we had everything before us, "
            "we had nothing before us.",
        ),
        (
            24.49,
            28.51,
            "We were all going direct to heaven, we were all going direct the other way.",
        ),
        (28.95, 32.49, "In short, the period was so far like the present period"),
        (32.63, 36.79, "that some of its noisiest authorities insisted on its being received"),
        (36.79, 41.87, "for good or for evil in the superlative degree of comparison only."),
    ),
    "beckett.wav": (
        (0.0, 3.43, "Ever tried. Ever failed."),
        (3.43, 9.96, "No matter. Try again. Fail again. Fail better."),
    ),
    "endgame_nagg_nell.wav": (
        (23.61, 27.61, "Do you remember the day I went and fetched you from that ditch?"),
    ),
    "clone-test.wav": ((0.21, 4.1, "I do, I think that America do it very well."),),
}
"""Recordings that come with the package moonshine-voice: from second, to second, and the words."""

_KINDS = 8
_EACH = 5
_LONGEST_S = 4.0

Samples = NDArray[np.float32]
"""Mono at 16 kHz, within ±1."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One turn, and what is said in it."""

    speaker: str
    text: str
    samples: Samples

    @property
    def seconds(self) -> float:
        """Its duration."""
        return len(self.samples) / SAMPLE_RATE

    @property
    def pcm(self) -> bytes:
        """16-bit mono PCM at 16 kHz."""
        return (np.clip(self.samples, -1, 1) * 32767).astype("<i2").tobytes()


def recordings() -> Iterator[Clip]:
    """Yield English speech that no engine of the stack has made."""
    with (FLITE / "transcripts.tsv").open(encoding="utf-8") as table:
        for name, text in csv.reader(table, delimiter="\t"):
            samples, _rate = soundfile.read(FLITE / f"{name}.flac", dtype="float32")
            yield Clip("flite", text, samples)
    yield from _human()


def _human() -> Iterator[Clip]:
    """Yield human speech, where the package that has it is installed."""
    package = find_spec("moonshine_voice")
    if package is None or package.origin is None:
        return
    for name, pieces in _HUMAN.items():
        whole, rate = soundfile.read(Path(package.origin).parent / "assets" / name)
        mono = whole if whole.ndim == 1 else whole.mean(axis=1)
        pcm = (np.clip(mono, -1, 1) * 32767).astype("<i2").tobytes()
        samples = samples_of(resample(pcm, rate, SAMPLE_RATE))
        for begin, end, text in pieces:
            piece = samples[int(begin * SAMPLE_RATE) : int(end * SAMPLE_RATE)]
            yield Clip("human", text, piece)


def with_noise(clip: Clip, decibels: float, seed: int) -> Clip:
    """Put pink noise over a clip, this many dB below the level of its speech."""
    noise = _pink(len(clip.samples), np.random.default_rng(seed))
    speech = np.sqrt(np.mean(clip.samples**2))
    mixed = clip.samples + noise * speech * 10 ** (-decibels / 20)
    return replace(clip, samples=(mixed / max(1.0, np.abs(mixed).max())).astype(np.float32))


def by_telephone(clip: Clip) -> Clip:
    """Send a clip over a telephone: 8 kHz, µ-law."""
    line = AudioFormat("audio/pcmu")
    narrow = line.decode(line.encode(resample(clip.pcm, SAMPLE_RATE, line.rate)))
    return replace(clip, samples=samples_of(resample(narrow, line.rate, SAMPLE_RATE)))


def samples_of(pcm: bytes) -> Samples:
    """Return 16-bit PCM as samples within ±1."""
    return (np.frombuffer(pcm, "<i2") / 32768).astype(np.float32)


def noises() -> Iterator[Clip]:
    """Yield forty sounds without a word: silence, hiss, hum, clicks, coughs, tones."""
    chance = np.random.default_rng(11)
    for number in range(_EACH):
        length = int(chance.uniform(0.6, _LONGEST_S) * SAMPLE_RATE)
        at = np.arange(length) / SAMPLE_RATE
        level = 10 ** (-(10 + 8 * number) / 20)
        pulses = (chance.random(length) < 4 / SAMPLE_RATE).astype(np.float64)
        for name, sound in {
            "silence": np.zeros(length),
            "white": chance.normal(0, level / 3, length),
            "pink": _pink(length, chance) * level / 3,
            "hum": level * sum(np.sin(2 * np.pi * 50 * k * at) / k for k in (1, 2, 3, 5)) / 2,
            "clicks": np.convolve(pulses, np.exp(-np.arange(160) / 20), "same") * level * 2,
            "cough": _cough(length, chance) * level * 2,
            "tone": level * np.sin(2 * np.pi * chance.uniform(200, 2000) * at),
            "rumble": np.cumsum(chance.normal(0, 1, length)) * level / 400,
        }.items():
            samples = np.clip(sound, -1, 1).astype(np.float32)
            yield Clip(name, "", samples)


def _pink(length: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """Return pink noise with an RMS of 1."""
    spectrum = np.fft.rfft(chance.normal(0, 1, length))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    noise = np.fft.irfft(spectrum, length)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)))


def _cough(length: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """Return two bursts of broad noise that die away within a quarter of a second."""
    sound = np.zeros(length)
    for start in (length // 5, length // 2):
        burst = min(SAMPLE_RATE // 4, length - start)
        fading = np.exp(-np.arange(burst) / (0.05 * SAMPLE_RATE))
        sound[start : start + burst] += chance.normal(0, 1, burst) * fading
    return sound
