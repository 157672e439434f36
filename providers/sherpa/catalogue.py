"""The published models of sherpa-onnx that settings can name: a few of its hundreds, chosen.

Chosen are those that are best at their size for a language, and whose licence lets anybody use
them. Any other model of the kinds in `layouts.py` is used from a folder of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic

from providers.in_process.hub import HUB
from providers.sherpa.layouts import BPE_VOCABULARY, Kind, Layout, Recogniser, Voice

CACHE = Path("open-realtime-server", "sherpa-onnx")
"""Where downloads are kept in the user's cache, each model in a folder called as its repository."""

_TTS_RELEASE = "https://github.com/k2-fsa/sherpa-onnx/releases/download/tts-models"
_VOCODER_RELEASE = "https://github.com/k2-fsa/sherpa-onnx/releases/download/vocoder-models"
EUROPEAN = frozenset(
    "bg cs da de el en es et fi fr hr hu it lt lv mt nl pl pt ro ru sk sl sv uk".split()  # noqa: SIM905
)
ASIAN = frozenset(("zh", "yue", "en", "ja", "ko"))
BILINGUAL = frozenset(("zh", "en"))
ENGLISH = frozenset(("en",))


@dataclass(frozen=True, slots=True)
class Model(Generic[Kind]):
    """A published model."""

    layout: Layout[Kind]
    repository: str
    """At Hugging Face: `owner/name`."""
    megabytes: int
    """Size of the download."""
    licence: str
    languages: frozenset[str] | None = None
    """What it understands or speaks; None: more than could be listed."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Files that the repository lacks → their addresses."""

    def folder(self, cache: Path) -> Path:
        """Return where its files are kept."""
        return cache / self.repository.partition("/")[2]

    def addresses(self, cache: Path) -> dict[Path, str]:
        """Return where each file goes → where it comes from."""
        folder = self.folder(cache)
        return {
            folder / name: self.elsewhere.get(name, f"{HUB}/{self.repository}/resolve/main/{name}")
            for name in self.layout.names
        }


def _single(kind: Recogniser) -> Layout[Recogniser]:
    return Layout(kind, {"model": "model.int8.onnx", "tokens": "tokens.txt"})


def _transducer(kind: Recogniser, encoder: str, decoder: str, joiner: str) -> Layout[Recogniser]:
    parts = {"encoder": encoder, "decoder": decoder, "joiner": joiner, "tokens": "tokens.txt"}
    return Layout(kind, parts)


def _whisper(size: str, megabytes: int) -> Model[Recogniser]:
    parts = {part: f"{size}-{part}.int8.onnx" for part in ("encoder", "decoder")}
    layout = Layout(Recogniser.WHISPER, {**parts, "tokens": f"{size}-tokens.txt"})
    languages = ENGLISH if size.endswith(".en") else None
    return Model(layout, f"csukuangfj/sherpa-onnx-whisper-{size}", megabytes, "MIT", languages)


_MOONSHINE = {
    "preprocessor": "preprocess.onnx",
    "encoder": "encode.int8.onnx",
    "uncached_decoder": "uncached_decode.int8.onnx",
    "cached_decoder": "cached_decode.int8.onnx",
    "tokens": "tokens.txt",
}

RECOGNISERS: Mapping[str, Model[Recogniser]] = {
    "sense-voice": Model(
        _single(Recogniser.SENSE_VOICE),
        "csukuangfj/sherpa-onnx-sense-voice-zh-en-ja-ko-yue-2024-07-17",
        240,
        "FunASR model licence",
        ASIAN,
    ),
    "paraformer-zh": Model(
        _single(Recogniser.PARAFORMER),
        "csukuangfj/sherpa-onnx-paraformer-zh-2024-03-09",
        227,
        "FunASR model licence",
        BILINGUAL,
    ),
    "parakeet": Model(
        _transducer(
            Recogniser.NEMO_TRANSDUCER, "encoder.int8.onnx", "decoder.int8.onnx", "joiner.int8.onnx"
        ),
        "csukuangfj/sherpa-onnx-nemo-parakeet-tdt-0.6b-v3-int8",
        670,
        "CC-BY-4.0",
        EUROPEAN,
    ),
    "moonshine-base-en": Model(
        Layout(Recogniser.MOONSHINE, _MOONSHINE),
        "csukuangfj/sherpa-onnx-moonshine-base-en-int8",
        287,
        "MIT",
        ENGLISH,
    ),
    "whisper-tiny": _whisper("tiny", 104),
    "whisper-tiny.en": _whisper("tiny.en", 104),
    "whisper-base": _whisper("base", 161),
    "whisper-base.en": _whisper("base.en", 161),
    "whisper-small": _whisper("small", 375),
    "streaming-zh-en": Model(
        _transducer(
            Recogniser.STREAMING_TRANSDUCER, "encoder.int8.onnx", "decoder.onnx", "joiner.int8.onnx"
        ),
        "csukuangfj/sherpa-onnx-x-asr-480ms-streaming-zipformer-transducer-zh-en-punct-int8-2026-06-05",
        169,
        "Apache-2.0",
        BILINGUAL,
    ),
    "streaming-zipformer-zh-en": Model(
        Layout(
            Recogniser.STREAMING_TRANSDUCER,
            {
                "encoder": "encoder-epoch-99-avg-1.int8.onnx",
                "decoder": "decoder-epoch-99-avg-1.onnx",
                "joiner": "joiner-epoch-99-avg-1.int8.onnx",
                "bpe_vocab": BPE_VOCABULARY,
                "tokens": "tokens.txt",
            },
        ),
        "csukuangfj/sherpa-onnx-streaming-zipformer-bilingual-zh-en-2023-02-20",
        199,
        "Apache-2.0",
        BILINGUAL,
    ),
    "streaming-paraformer-zh-en": Model(
        Layout(
            Recogniser.STREAMING_PARAFORMER,
            {
                "encoder": "encoder.int8.onnx",
                "decoder": "decoder.int8.onnx",
                "tokens": "tokens.txt",
            },
        ),
        "csukuangfj/sherpa-onnx-streaming-paraformer-bilingual-zh-en",
        237,
        "Apache-2.0",
        BILINGUAL,
    ),
    "streaming-zipformer-en": Model(
        _transducer(
            Recogniser.STREAMING_TRANSDUCER,
            "encoder-epoch-99-avg-1-chunk-16-left-128.int8.onnx",
            "decoder-epoch-99-avg-1-chunk-16-left-128.int8.onnx",
            "joiner-epoch-99-avg-1-chunk-16-left-128.int8.onnx",
        ),
        "csukuangfj/sherpa-onnx-streaming-zipformer-en-2023-06-26",
        73,
        "Apache-2.0",
        ENGLISH,
    ),
}
"""`stt.model` → the model."""

_KOKORO = Layout(
    Voice.KOKORO,
    {"model": "model.int8.onnx", "voices": "voices.bin", "tokens": "tokens.txt"},
    lexicons=("lexicon-us-en.txt", "lexicon-zh.txt"),
    rules=("phone-zh.fst", "date-zh.fst", "number-zh.fst"),
)

VOICES: Mapping[str, Model[Voice]] = {
    "kokoro-v1.1-zh": Model(
        _KOKORO, "csukuangfj/kokoro-int8-multi-lang-v1_1", 175, "Apache-2.0", BILINGUAL
    ),
    "kokoro-v1.0": Model(
        _KOKORO, "csukuangfj/kokoro-int8-multi-lang-v1_0", 150, "Apache-2.0", BILINGUAL
    ),
    "melo-zh-en": Model(
        Layout(
            Voice.VITS,
            {"model": "model.onnx", "tokens": "tokens.txt"},
            lexicons=("lexicon.txt",),
            rules=("phone.fst", "date.fst", "number.fst", "new_heteronym.fst"),
        ),
        "csukuangfj/vits-melo-tts-zh_en",
        178,
        "MIT",
        BILINGUAL,
    ),
    "matcha-en": Model(
        Layout(
            Voice.MATCHA,
            {
                "acoustic_model": "model-steps-3.onnx",
                "vocoder": "vocos-22khz-univ.onnx",
                "tokens": "tokens.txt",
            },
            lexicons=("lexicon-en-us.txt",),
        ),
        "csukuangfj/matcha-icefall-en_US-ljspeech",
        130,
        "Apache-2.0; trained on LJ Speech, public domain",
        ENGLISH,
        {
            "vocos-22khz-univ.onnx": f"{_VOCODER_RELEASE}/vocos-22khz-univ.onnx",
            "lexicon-en-us.txt": f"{_TTS_RELEASE}/lexicon-en-us.txt",
        },
    ),
}
"""`tts.model` → the model. sherpa-onnx 2 has no phonemizer: it speaks the words of its lexicons."""


DEFAULT_VOICE = "kokoro-v1.1-zh"


def default_recogniser(language: str | None) -> str:
    """Return the recogniser that is best for a language, in ISO 639-1; None: for the most used."""
    if language in ASIAN - EUROPEAN or language is None:
        return "sense-voice"
    return "parakeet" if language in EUROPEAN else "whisper-small"


def listed(models: Mapping[str, Model[Kind]]) -> str:
    """Return names and sizes, for an error."""
    return ", ".join(f"{name} ({model.megabytes} MB)" for name, model in models.items())
