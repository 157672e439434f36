"""Whisper on a short window: a turn of a few seconds is not paid for like half a minute.

Whisper was trained on windows of 30 s, and libraries fill every turn up to that. CTranslate2 takes
less. Below 10 s the decoder loops; at 10 s it seldom does, which shows, and then the turn is
decoded again in the full window. What remains of noise is told from words by how sure the model
is: of there being no speech, and of its own tokens.
"""

from __future__ import annotations

import math
import sys
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from ctranslate2 import StorageView
from ctranslate2.models import Whisper
from numpy.typing import NDArray

from providers.stt.log_mel import FRAMES_PER_S, SAMPLE_RATE, Features, log_mel, padded_to
from providers.stt.whisper_text import (
    NO_TIMESTAMPS,
    PREVIOUS,
    START,
    TRANSCRIBE,
    Tokens,
    Vocabulary,
)
from session.ports import TokenLogprob

Samples = NDArray[np.float32]

SHORT_S, FULL_S = 10, 30
"""The shortest window, and the one that the models were trained on."""
LONGEST_S = 29
"""Longest piece that is decoded at once: the window needs some silence behind it."""
GLIMPSE_S = 4
"""The window in which one looks for words while somebody speaks on: it takes half of the time of
`SHORT_S`. That the decoder may loop does no harm there, for what is repeated are the same words."""
_GLIMPSED = -1.5
"""Mean log probability of words below which a look found none. Of 60 back-channels of the voices
for tuning 24 were other words without it, and 18 with it; and of 48 interruptions over an echo 33
were told by it within 500 ms, not 32."""
_SHORTEST_CUT_S = 20
_QUIET_MS = 200
"""What is compared in search of a quiet place."""
CONTEXT = 448
"""Tokens that the decoder holds."""
_HOT_TOKENS, _PROMPT_TOKENS = 100, CONTEXT // 2 - 1

_LOOPING = 1.8
"""A text that can be compressed so well repeats itself."""
_PHRASE_TOKENS = 4
"""Fewest tokens of a phrase whose repetition is doubtful: `no, no` is not."""
_UNSURE = -1.0
"""Mean log probability below which the full window may be better."""
_WORD_S, _UNSURE_WORD = 1.5, -2.0
"""The same for turns up to that long, of a word or two, whose mean is that of few tokens: of 348
such turns of the voices for tuning, 157 were below -1 and took five times as long, only to be heard
no better down to -2 (64 right before, 65 after)."""
_SILENT = 0.66
"""Probability of no speech that no speech has: of people's, .62 was the highest measured."""
_NEARLY_SILENT, _BABBLE = 0.45, -1.7
"""What tells noise from speech where that is in doubt: also how unlikely its words are."""

_SIMPLIFIED = "以下是普通话的句子，请用简体中文。你好，我们说说时间、天气和电话。"
_TRADITIONAL = "以下是國語的句子，請用繁體中文。你好，我們說說時間、天氣和電話。"
HINTS: Mapping[str, str] = {
    "zh": _SIMPLIFIED,
    "zh-tw": _TRADITIONAL,
    "zh-hk": _TRADITIONAL,
    "zh-hant": _TRADITIONAL,
}
"""What is said to have been heard before, by language: without it, Chinese has no punctuation, and
whether its characters are Traditional or Simplified is left to chance."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is known of a turn beforehand, and wanted of its transcript."""

    languages: tuple[str, ...] = ()
    """What may be spoken, as tags (`en-US`); empty: any language."""
    prompt: str = ""
    hot_words: str = ""
    logprobs: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What is understood of a piece of a turn."""

    text: str
    """With the space before its first word, where the language has spaces."""
    language: str
    no_speech_prob: float
    mean_logprob: float
    logprobs: tuple[TokenLogprob, ...] = ()
    """Empty where nobody asked for them."""

    @property
    def is_noise(self) -> bool:
        """Whether there were probably no words."""
        if not any(sign.isalnum() for sign in self.text):
            return True
        babble = self.mean_logprob < _BABBLE or _loops(self.text)
        return self.no_speech_prob > (_NEARLY_SILENT if babble else _SILENT)


class ShortWindow:
    """A loaded model; several threads may use it at a time."""

    def __init__(self, model: Whisper, vocabulary: Vocabulary, beam_size: int = 1) -> None:
        """Use a model.

        Args:
            model: CTranslate2's.
            vocabulary: The model's.
            beam_size: How many transcripts are weighed at a time; 1: greedy.
        """
        self._model = model
        self._vocabulary = vocabulary
        self._beam_size = beam_size
        multilingual = model.is_multilingual
        self.languages = vocabulary.languages if multilingual else frozenset({"en"})
        """Codes of the languages that the model knows."""

    def warm_up(self) -> None:
        """Make the next turn as quick as those that follow."""
        silence = np.zeros(SAMPLE_RATE, np.float32)
        self._hear(log_mel(silence, self._model.n_mels), SHORT_S, Wishes(), 1)

    def detects(self, candidates: tuple[str, ...]) -> bool:
        """Return whether the language is detected, given those that may be spoken."""
        return self._model.is_multilingual and len({code(tag) for tag in candidates}) != 1

    def transcribe(self, samples: Samples, wishes: Wishes) -> Iterator[Part]:
        """Transcribe a turn, piece by piece.

        Args:
            samples: The turn at 16 kHz, in -1 … 1.
            wishes: What is known of it; its languages must be the model's.
        """
        for piece in pieces(samples):
            yield self._transcribe(piece, wishes)

    def glimpse(self, samples: Samples, wishes: Wishes) -> Iterator[Part]:
        """Look for words in the beginning of a turn, with less care than `transcribe`.

        Args:
            samples: As there; what is longer than the windows for turns is left to it.
            wishes: As there; no log probabilities are told.

        Yields:
            What is understood; nothing where that is not likely to be what was said.
        """
        duration_s = len(samples) / SAMPLE_RATE
        if duration_s + 1 > SHORT_S:
            yield from self.transcribe(samples, wishes)
            return
        features = log_mel(samples, self._model.n_mels)
        window_s = max(duration_s + 1, GLIMPSE_S)
        heard = self._hear(features, window_s, wishes, duration_s)
        if heard.mean_logprob >= _GLIMPSED:
            yield Part(heard.text, heard.language, heard.no_speech_prob, heard.mean_logprob)

    def _transcribe(self, samples: Samples, wishes: Wishes) -> Part:
        features = log_mel(samples, self._model.n_mels)
        duration_s = len(samples) / SAMPLE_RATE
        window_s = max(duration_s + 1, SHORT_S)
        heard = self._hear(features, window_s, wishes, duration_s)
        unsure = _UNSURE_WORD if duration_s <= _WORD_S else _UNSURE
        if window_s < FULL_S and heard.is_doubtful(unsure):
            heard = self._hear(features, FULL_S, wishes, FULL_S)
        logprobs = self._scored(heard) if wishes.logprobs else ()
        return Part(heard.text, heard.language, heard.no_speech_prob, heard.mean_logprob, logprobs)

    def _hear(self, features: Features, window_s: float, wishes: Wishes, spoken_s: float) -> _Heard:
        """Transcribe in a window a piece that has no more words than `spoken_s` can hold."""
        window = padded_to(features, round(window_s * FRAMES_PER_S))
        encoded = self._model.encode(StorageView.from_array(window[None]))
        language, tag = self._spoken(encoded, wishes.languages)
        start = self._start(language)
        prompt = [*self._before(wishes, tag), *start, self._vocabulary[NO_TIMESTAMPS]]
        limit = _most_tokens(spoken_s, language)
        (result,) = self._model.generate(
            encoded,
            [prompt],
            beam_size=self._beam_size,
            # Of this, CTranslate2 grants the transcript half, and no more than the prompt leaves.
            max_length=min(CONTEXT, max(2 * limit, limit + len(prompt))),
            return_scores=True,
            return_no_speech_prob=True,
        )
        said = result.sequences_ids[0]
        tokens = self._vocabulary.words(said)
        return _Heard(
            encoded=encoded,
            frames=window.shape[1],
            language=language,
            start=start,
            tokens=tokens,
            text=self._vocabulary.decode(tokens),
            no_speech_prob=result.no_speech_prob,
            mean_logprob=result.scores[0],
            has_no_end=len(said) >= limit,
        )

    def _spoken(self, encoded: StorageView, candidates: tuple[str, ...]) -> tuple[str, str]:
        """Return the code of the language that is spoken, and its tag if it has one."""
        tags = {code(tag): tag.lower().replace("_", "-") for tag in reversed(candidates)}
        if not self._model.is_multilingual:
            return "en", "en"
        if len(tags) != 1:
            (ranked,) = self._model.detect_language(encoded)
            found = [token.strip("<|>") for token, _ in ranked]
            likeliest = next((one for one in found if one in tags), found[0])
            return likeliest, tags.get(likeliest, likeliest)
        return next(iter(tags.items()))

    def _start(self, language: str) -> Tokens:
        vocabulary = self._vocabulary
        if not self._model.is_multilingual:
            return [vocabulary[START]]
        return [vocabulary[START], vocabulary[f"<|{language}|>"], vocabulary[TRANSCRIBE]]

    def _before(self, wishes: Wishes, tag: str) -> Tokens:
        """Return what the model is to believe was said before."""
        encode = self._vocabulary.encode
        hot = encode(f" {wishes.hot_words.strip()}")[:_HOT_TOKENS] if wishes.hot_words else []
        prompt = wishes.prompt.strip()
        said = f" {prompt}" if prompt else HINTS.get(tag) or HINTS.get(code(tag), "")
        room = _PROMPT_TOKENS - len(hot)
        before = hot + (encode(said)[-room:] if said else [])
        return [self._vocabulary[PREVIOUS], *before] if before else []

    def _scored(self, heard: _Heard) -> tuple[TokenLogprob, ...]:
        """Return how probable each token is, given the audio and the tokens before it."""
        if not heard.tokens:
            return ()
        (found,) = self._model.align(heard.encoded, heard.start, [heard.tokens], heard.frames)
        return tuple(
            self._logprob(token, probability)
            for token, probability in zip(heard.tokens, found.text_token_probs, strict=True)
        )

    def _logprob(self, token: int, probability: float) -> TokenLogprob:
        spelled = self._vocabulary.spelled(token)
        # Rounded down to 0, it would have no logarithm.
        logprob = math.log(max(probability, sys.float_info.min))
        return TokenLogprob(spelled.decode(errors="replace"), spelled, logprob)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What the decoder made of a window."""

    encoded: StorageView
    frames: int
    language: str
    start: Tokens
    tokens: Tokens
    text: str
    no_speech_prob: float
    mean_logprob: float
    has_no_end: bool

    def is_doubtful(self, unsure: float) -> bool:
        """Return whether the full window may be better: as it is where `unsure` is not reached."""
        if self.no_speech_prob > _SILENT:
            return False
        loops = _says_twice(self.tokens) or _loops(self.text)
        return self.has_no_end or self.mean_logprob < unsure or loops


def pieces(samples: Samples) -> Iterator[Samples]:
    """Cut a turn where it is quiet, so that no piece is longer than `LONGEST_S`."""
    while len(samples) > LONGEST_S * SAMPLE_RATE:
        cut = _quiet_place(samples[: LONGEST_S * SAMPLE_RATE])
        yield samples[:cut]
        samples = samples[cut:]
    yield samples


def code(language: str) -> str:
    """Return `en` of `en-US`: Whisper knows no regions."""
    return language.lower().replace("_", "-").partition("-")[0]


def floats(pcm: bytes) -> Samples:
    """Return 16-bit PCM as numbers; half a sample at its end is dropped."""
    whole = np.frombuffer(pcm, "<i2", len(pcm) // 2)
    return whole.astype(np.float32) / np.float32(32768)


def _says_twice(tokens: Tokens) -> bool:
    """Return whether a phrase is followed by itself at the end, as the decoder says it in a loop.

    A person may do so too: the full window then says the same.
    """
    return any(
        tokens[-length:] == tokens[-2 * length : -length]
        for length in range(_PHRASE_TOKENS, len(tokens) // 2 + 1)
    )


def _loops(text: str) -> bool:
    written = text.strip().encode()
    return len(written) > _LOOPING * len(zlib.compress(written))


def _quiet_place(samples: Samples) -> int:
    step = _QUIET_MS * SAMPLE_RATE // 1000
    first = _SHORTEST_CUT_S * SAMPLE_RATE // step
    blocks = samples[: len(samples) // step * step].reshape(-1, step)[first:]
    quietest = int(np.argmin(np.square(blocks).sum(axis=1)))
    return (first + quietest) * step + step // 2


def _most_tokens(spoken_s: float, language: str) -> int:
    """Return how many tokens nobody says in so short a time."""
    # English has a token a word, other alphabets one for a few letters, and a character may be two.
    per_second = 4 if language == "en" else 8
    return min(CONTEXT // 2, round(per_second * spoken_s) + 9)
