"""The short window: when it is left for the full one, what is cut, what the decoder is told before.

A stand-in for CTranslate2's model answers as a test wants; real ones are in `test_embedded.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from ctranslate2.models import Whisper

from providers.stt.short_window import LONGEST_S, Part, ShortWindow, Wishes, code, floats, pieces
from providers.stt.whisper_text import END, NO_TIMESTAMPS, PREVIOUS, START, TRANSCRIBE, Vocabulary
from tests.providers.tiny_whisper import alphabet

RATE = 16000
SIMPLIFIED = "以下是普通话的句子，请用简体中文。你好，我们说说时间、天气和电话。"
TRADITIONAL = "以下是國語的句子，請用繁體中文。你好，我們說說時間、天氣和電話。"
WORDS = alphabet()
CONTROL = [END, START, "<|en|>", "<|zh|>", "<|de|>", TRANSCRIBE, PREVIOUS, NO_TIMESTAMPS]
TOKENS = [*WORDS, *CONTROL]


def vocabulary() -> Vocabulary:
    model = {"model": {"vocab": {token: n for n, token in enumerate(WORDS)}, "merges": []}}
    return Vocabulary(TOKENS, lambda: json.dumps(model).encode())


@dataclass
class Model:
    """Answers with the next of `answers`: text, no-speech probability, mean log probability."""

    answers: list[tuple[str, float, float]]
    languages: list[str] = field(default_factory=list)
    """What it hears, the likeliest first; empty: it knows English alone."""
    n_mels: int = 80
    windows_s: list[float] = field(default_factory=list)
    prompts: list[list[str]] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)

    @property
    def is_multilingual(self) -> bool:
        return bool(self.languages)

    def encode(self, features: Any) -> object:
        self.windows_s.append(features.shape[2] / 100)
        return object()

    def detect_language(self, _encoded: object) -> Any:
        return [[(f"<|{language}|>", 0.5) for language in self.languages]]

    def generate(self, _encoded: object, prompts: Any, *, max_length: int, **_: Any) -> Any:
        (prompt,) = prompts
        self.prompts.append([TOKENS[token] for token in prompt])
        self.limits.append(min(max_length // 2, max_length - len(prompt)))
        text, no_speech_prob, mean = self.answers.pop(0)
        said = vocabulary().encode(text)[: self.limits[-1]]
        result = SimpleNamespace(sequences_ids=[said], no_speech_prob=no_speech_prob, scores=[mean])
        return [result]


def transcribe(model: Model, seconds: float = 2, wishes: Wishes | None = None) -> list[Part]:
    engine = ShortWindow(cast(Whisper, model), vocabulary())
    noise = np.random.default_rng(0).normal(0, 0.1, int(seconds * RATE)).astype(np.float32)
    return list(engine.transcribe(noise, wishes or Wishes()))


def glimpse(model: Model, seconds: float = 0.6) -> list[Part]:
    engine = ShortWindow(cast(Whisper, model), vocabulary())
    noise = np.random.default_rng(0).normal(0, 0.1, int(seconds * RATE)).astype(np.float32)
    return list(engine.glimpse(noise, Wishes()))


def texts(parts: list[Part]) -> list[str]:
    return [part.text for part in parts]


SURE = (" Yes", 0.1, -0.2)


@pytest.mark.parametrize(("seconds", "window_s"), [(2, 10), (9, 10), (12, 13), (28.9, 29.9)])
def test_the_window_is_10_s_or_a_second_longer_than_the_turn(seconds, window_s):
    model = Model([SURE])
    assert texts(transcribe(model, seconds)) == [" Yes"]
    assert model.windows_s == [pytest.approx(window_s, abs=0.01)]


@pytest.mark.parametrize(
    "doubtful",
    [
        pytest.param(("no" * 40, 0.1, -0.2), id="without end"),
        pytest.param(("ab" * 20, 0.1, -0.2), id="repeats itself"),
        pytest.param((" Not yet now." * 2, 0.1, -0.2), id="says a sentence twice"),
        pytest.param((" Hm", 0.1, -1.1), id="unsure"),
    ],
)
def test_a_doubtful_transcript_is_decoded_again_in_the_full_window(doubtful):
    model = Model([doubtful, SURE])
    assert texts(transcribe(model, 8)) == [" Yes"]
    assert model.windows_s == [10, 30]


@pytest.mark.parametrize(("seconds", "mean", "windows_s"), [(1, -1.9, [10]), (1, -2.1, [10, 30])])
def test_a_single_word_may_be_less_sure(seconds, mean, windows_s):
    model = Model([(" Wait", 0.1, mean), SURE])
    transcribe(model, seconds)
    assert model.windows_s == windows_s


def test_what_is_certainly_silent_is_not_decoded_again():
    model = Model([(" You", 0.9, -3.0)])
    (part,) = transcribe(model)
    assert part.is_noise
    assert model.windows_s == [10]


@pytest.mark.parametrize(
    ("text", "no_speech_prob", "mean_logprob", "noise"),
    [
        (" Yes", 0.1, -0.2, False),
        (" Yes", 0.62, -0.6, False),
        (" Yes", 0.3, -2.5, False),
        (" You", 0.47, -2.1, True),
        (" You", 0.95, -0.9, True),
        (" 1.5.5.5.5.5.5.5.5.5.5.5.5", 0.56, -0.1, True),
        (" no no no no no no no no no", 0.1, -0.1, False),
        (" .", 0.1, -0.2, True),
        ("", 0.1, -0.2, True),
        ("是", 0.1, -0.2, False),
    ],
)
def test_noise_is_told_from_words(text, no_speech_prob, mean_logprob, noise):
    assert Part(text, "en", no_speech_prob, mean_logprob).is_noise is noise


# --- languages and what was said before --------------------------------------------------------


@pytest.mark.parametrize(
    ("candidates", "language"),
    [((), "de"), (("en", "zh"), "zh"), (("en",), "en"), (("en-US", "en-GB"), "en")],
)
def test_the_likeliest_of_the_candidates_is_spoken(candidates, language):
    model = Model([SURE], languages=["de", "zh", "en"])
    (part,) = transcribe(model, wishes=Wishes(candidates))
    assert part.language == language
    assert model.prompts == [
        [*model.prompts[0][:-4], START, f"<|{language}|>", TRANSCRIBE, NO_TIMESTAMPS]
    ]


def test_a_model_for_english_alone_is_told_no_language():
    model = Model([SURE])
    transcribe(model, wishes=Wishes(("de", "fr")))
    assert model.prompts == [[START, NO_TIMESTAMPS]]


def before(model: Model) -> str:
    """Return what a model was told had been said before."""
    mark, *rest = model.prompts[0]
    if mark == START:
        return ""
    assert mark == PREVIOUS
    said = rest[: rest.index(START)]
    known = vocabulary()
    return known.decode(TOKENS.index(token) for token in said)


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        (Wishes(("zh",)), SIMPLIFIED),
        (Wishes(("zh-CN",)), SIMPLIFIED),
        (Wishes(("zh-TW",)), TRADITIONAL),
        (Wishes(("zh_Hant",)), TRADITIONAL),
        (Wishes(), SIMPLIFIED),
        (Wishes(("zh",), prompt="关于茶"), " 关于茶"),
        (Wishes(("zh",), hot_words="李娜"), f" 李娜{SIMPLIFIED}"),
        (Wishes(("en",)), ""),
        (Wishes(("en",), prompt=" Tea. ", hot_words="Li Na"), " Li Na Tea."),
    ],
)
def test_chinese_is_heard_behind_a_chinese_sentence(wishes, said):
    model = Model([SURE], languages=["zh", "en"])
    transcribe(model, wishes=wishes)
    assert before(model) == said


def test_a_long_prompt_leaves_room_for_the_words():
    model = Model([SURE])
    transcribe(model, 28, Wishes(prompt="x" * 1000, hot_words="y" * 1000))
    said = before(model)
    assert (said.count("y"), said.count("x")) == (99, 123)
    assert len(model.prompts[0]) + model.limits[0] <= 448
    assert model.limits[0] >= 4 * 28 + 9


# --- long turns --------------------------------------------------------------------------------


def test_a_long_turn_is_cut_where_it_is_quiet():
    samples = np.random.default_rng(0).normal(0, 0.1, 70 * RATE).astype(np.float32)
    for second in (24, 50):
        samples[second * RATE : second * RATE + 8000] = 0
    cut = list(pieces(samples))
    assert [round(len(piece) / RATE) for piece in cut] == [24, 26, 20]
    assert (np.concatenate(cut) == samples).all()


@pytest.mark.parametrize("seconds", [0, 1, LONGEST_S])
def test_a_short_turn_is_not_cut(seconds):
    (piece,) = pieces(np.zeros(seconds * RATE, np.float32))
    assert len(piece) == seconds * RATE


def test_every_piece_is_transcribed():
    model = Model([(" One.", 0.1, -0.2), (" Two.", 0.1, -0.2)])
    assert texts(transcribe(model, 40)) == [" One.", " Two."]


def test_half_a_sample_is_dropped():
    assert floats(b"\x00\x40\x01").tolist() == [0.5]
    assert [code(tag) for tag in ("en-US", "EN_us", "zh")] == ["en", "en", "zh"]


@pytest.mark.parametrize(("seconds", "window_s"), [(0.6, 4), (4.5, 5.5), (8.5, 9.5)])
def test_a_glimpse_is_one_look_in_the_shortest_window(seconds: float, window_s: float) -> None:
    # A whole turn would be heard again: it is unsure, and repeats itself.
    model = Model([(" no no no no", 0.1, -1.4)])
    (part,) = glimpse(model, seconds)
    assert part.text.startswith(" no no")
    assert model.windows_s == [window_s]


def test_a_glimpse_of_a_long_turn_is_as_careful_as_ever() -> None:
    model = Model([(" no", 0.1, -1.4), (" no", 0.1, -1.2)])
    assert texts(glimpse(model, 12)) == [" no"]
    assert model.windows_s == [13, 30]


def test_a_glimpse_of_unlikely_words_is_none_of_any() -> None:
    model = Model([(" I am sorry", 0.1, -1.6)])
    assert glimpse(model) == []
    assert model.windows_s == [4]
