"""A Whisper model of about a megabyte that says one sentence, whatever it hears.

Its weights are chosen by hand: the decoder is a chain in which every token calls for the next
one, so the transcript is the same on every machine. All that loads and runs it is real.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2.specs import whisper_spec

LANGUAGES = ("en", "zh", "de", "es", "ru", "ko", "fr", "ja", "it")
WIDTH, HEADS = 32, 2
SENTENCE = "all tests use this model"
SPACE = "\u0120"
"""How a byte-level vocabulary writes the space before a word."""

_CONTROL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{code}|>" for code in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
_TIMES = tuple(f"<|{step * 0.02:.2f}|>" for step in range(1501))


def build(
    folder: Path,
    sentence: str = SENTENCE,
    *,
    multilingual: bool = True,
    likely: tuple[str, ...] = (),
) -> Path:
    """Write the model to `folder`.

    Args:
        folder: Where to write it.
        sentence: What it says; its words must differ.
        multilingual: Whether it knows more than English.
        likely: The languages that it hears in all audio, the likeliest first; all others are
            equally unlikely.
    """
    words = [SPACE + word for word in sentence.split()]
    plain = alphabet() + words
    if multilingual:
        # CTranslate2 takes a model for multilingual if its vocabulary has the empty token.
        plain.append("")
    vocabulary = [*plain, *_CONTROL, *_TIMES]
    spec = _spec(vocabulary, words, likely)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    tokenizer = {"model": {"vocab": {token: n for n, token in enumerate(plain)}, "merges": []}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def alphabet() -> list[str]:
    """Return a sign for each byte: its own where it can be printed."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return [chr(byte) for byte in (*shown, *range(0x100, 0x100 + 256 - len(shown)))]


def _spec(vocabulary: list[str], words: list[str], likely: tuple[str, ...]) -> Any:
    spec = whisper_spec.WhisperSpec(1, HEADS, 1, HEADS)
    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = _zeros(WIDTH, 80, 3), _zeros(WIDTH)
    encoder.conv2.weight, encoder.conv2.bias = _zeros(WIDTH, WIDTH, 3), _zeros(WIDTH)
    encoder.position_encodings.encodings = _zeros(1500, WIDTH)
    decoder.position_encodings.encodings = _zeros(448, WIDTH)
    for part in (encoder, decoder):
        _norm(part.layer_norm)
        for layer in part.layer:
            _norm(layer.self_attention.layer_norm)
            _linear(layer.self_attention.linear[0], 3 * WIDTH, WIDTH)
            _linear(layer.self_attention.linear[1], WIDTH, WIDTH)
            _norm(layer.ffn.layer_norm)
            _linear(layer.ffn.linear_0, 2 * WIDTH, WIDTH)
            _linear(layer.ffn.linear_1, WIDTH, 2 * WIDTH)
    for layer in decoder.layer:
        _norm(layer.attention.layer_norm)
        for linear, rows in zip(layer.attention.linear, (1, 2, 1), strict=True):
            _linear(linear, rows * WIDTH, WIDTH)
    decoder.embeddings.weight, decoder.projection.weight = _chain(vocabulary, words, likely)
    spec.register_vocabulary(vocabulary)
    index = {token: place for place, token in enumerate(vocabulary)}
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [index["<|endoftext|>"]]
    spec.config.lang_ids = [index[f"<|{code}|>"] for code in LANGUAGES]
    spec.config.alignment_heads = [[0, 0], [0, 1]]
    spec.validate()
    return spec


def _chain(vocabulary: list[str], words: list[str], likely: tuple[str, ...]) -> tuple[Any, Any]:
    """Return embeddings and projection by which each token of the sentence calls for the next."""
    index = {token: place for place, token in enumerate(vocabulary)}
    said = ["<|notimestamps|>", *words, "<|endoftext|>"]
    embeddings, projection = _zeros(len(vocabulary), WIDTH), _zeros(len(vocabulary), WIDTH)
    for step, (token, follower) in enumerate(pairwise(said)):
        embeddings[index[token], step] = 8
        projection[index[follower], step] = 10
    last = len(said)
    embeddings[index["<|startoftranscript|>"], last] = 8
    for place, code in enumerate(likely):
        projection[index[f"<|{code}|>"], last] = 5 - place
    return embeddings, projection


def _zeros(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


def _norm(layer: Any) -> None:
    layer.gamma, layer.beta = np.ones(WIDTH, np.float32), _zeros(WIDTH)


def _linear(layer: Any, rows: int, columns: int) -> None:
    layer.weight, layer.bias = _zeros(rows, columns), _zeros(rows)
