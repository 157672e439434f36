"""Loads a Whisper model into CTranslate2, from a folder or from memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import ctranslate2
from ctranslate2.models import Whisper

from providers.stt.short_window import ShortWindow
from providers.stt.whisper_text import Vocabulary, read_vocabulary

_TOKENIZER = "tokenizer.json"
_VOCABULARIES = ("vocabulary.json", "vocabulary.txt")


def load_model(
    source: Path | Mapping[str, bytes],
    *,
    turns: int,
    device: str = "cpu",
    compute_type: str | None = None,
    threads_per_turn: int = 1,
    beam_size: int = 1,
) -> ShortWindow:
    """Load a model and warm it up.

    Args:
        source: Its folder, or name → contents of its files.
        turns: How many turns are decoded at a time.
        device: `cpu` or `cuda`.
        compute_type: CTranslate2's; None: the quickest that the device supports.
        threads_per_turn: Threads of a CPU for one turn; 0 leaves it to CTranslate2.
        beam_size: How many transcripts are weighed at a time; 1: greedy.

    Raises:
        OSError: A file cannot be read.
        RuntimeError: CTranslate2 cannot load it.
        ValueError: A file is not understood.
    """
    files = None if isinstance(source, Path) else source
    model = Whisper(
        str(source) if isinstance(source, Path) else "model",
        device=device,
        compute_type=compute_type or quickest(device),
        inter_threads=turns,
        intra_threads=threads_per_turn,
        files=None if files is None else {**files},
    )
    engine = ShortWindow(model, _vocabulary(source), beam_size)
    engine.warm_up()
    return engine


def check_tokenizer(folder: Path) -> None:
    """Read a file that is needed only by turns with a prompt: damaged, it should stop the start.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not understood.
    """
    _vocabulary(folder).encode("")


def quickest(device: str) -> str:
    """Return the quickest compute type of a device that costs no words."""
    preferred = "int8" if device == "cpu" else "float16"
    supported = ctranslate2.get_supported_compute_types(device)
    return preferred if preferred in supported else "default"


def _vocabulary(source: Path | Mapping[str, bytes]) -> Vocabulary:
    if isinstance(source, Path):
        name = next(name for name in _VOCABULARIES if (source / name).is_file())
        tokens = read_vocabulary(name, (source / name).read_bytes())
        return Vocabulary(tokens, (source / _TOKENIZER).read_bytes)
    name = next(name for name in _VOCABULARIES if name in source)
    tokenizer = source[_TOKENIZER]
    return Vocabulary(read_vocabulary(name, source[name]), lambda: tokenizer)
