"""Which files make a model of sherpa-onnx, and of which kind a folder of somebody's own is.

sherpa-onnx asks for each file by its part in the model; a kind that does not fit the files ends the
process. What a published model is made of is written down in `catalogue.py`; a folder is recognised
by the names of its files and by what each network says of itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Generic, TypeVar

from providers.sherpa.onnx_metadata import BrokenModelError, read_metadata
from settings.localisation import _


class Recogniser(Enum):
    """The kinds of recognisers; the value begins with `streaming` if one writes while it hears."""

    SENSE_VOICE = "SenseVoice"
    PARAFORMER = "Paraformer"
    TRANSDUCER = "transducer"
    NEMO_TRANSDUCER = "NeMo transducer"
    ZIPFORMER_CTC = "Zipformer CTC"
    NEMO_CTC = "NeMo CTC"
    WHISPER = "Whisper"
    MOONSHINE = "Moonshine"
    STREAMING_TRANSDUCER = "streaming transducer"
    STREAMING_PARAFORMER = "streaming Paraformer"
    STREAMING_CTC = "streaming Zipformer2 CTC"

    @property
    def streaming(self) -> bool:
        """Whether it writes while it hears."""
        return self.value.startswith("streaming")


class Voice(Enum):
    """The kinds of voices."""

    KOKORO = "Kokoro"
    MATCHA = "Matcha"
    VITS = "VITS"


BPE_VOCABULARY = "bpe.vocab"
"""How words are cut into a transducer's tokens: what it needs to be told words to expect."""

Kind = TypeVar("Kind", Recogniser, Voice)


@dataclass(frozen=True, slots=True)
class Layout(Generic[Kind]):
    """The files of a model, by their part in it."""

    kind: Kind
    parts: Mapping[str, str]
    """Part → name of the file."""
    lexicons: tuple[str, ...] = ()
    """Pronunciations; the first that has a word counts."""
    rules: tuple[str, ...] = ()
    """Finite-state transducers that write out numbers, dates and the like."""

    @property
    def names(self) -> tuple[str, ...]:
        """All names."""
        return (*self.parts.values(), *self.lexicons, *self.rules)


class UnknownModelError(Exception):
    """A folder has no model that could be used; says why."""


def recogniser_in(folder: Path) -> Layout[Recogniser]:
    """Return what a folder with a recogniser is made of.

    Raises:
        UnknownModelError: It is no recogniser of a kind that is known, or a file is broken.
    """
    networks = _networks(folder)
    tokens = _one(folder, "*tokens.txt")

    def layout(kind: Recogniser, **parts: str) -> Layout[Recogniser]:
        return Layout(kind, {**parts, "tokens": tokens})

    found = {
        part: _named(networks, part) for part in ("encoder", "decoder", "joiner", "preprocess")
    }
    encoder, decoder, joiner = found["encoder"], found["decoder"], found["joiner"]
    if encoder and decoder and joiner:
        about = _about(folder / encoder)
        kind = Recogniser.TRANSDUCER
        if "decode_chunk_len" in about or "window_size" in about:
            kind = Recogniser.STREAMING_TRANSDUCER
        elif about.get("model_type", "").startswith("EncDec"):
            kind = Recogniser.NEMO_TRANSDUCER
        parts = {"encoder": encoder, "decoder": decoder, "joiner": joiner}
        if (folder / BPE_VOCABULARY).is_file() and kind is not Recogniser.NEMO_TRANSDUCER:
            parts["bpe_vocab"] = BPE_VOCABULARY
        return layout(kind, **parts)
    if preprocessor := _named(networks, "preprocess"):
        parts = {
            "preprocessor": preprocessor,
            "encoder": _named(networks, "encode"),
            "uncached_decoder": _named(networks, "uncached_decode"),
            "cached_decoder": _named(networks, "cached_decode"),
        }
        return layout(Recogniser.MOONSHINE, **parts)
    if encoder and decoder:
        about = _about(folder / encoder)
        whisper = about.get("model_type", "").startswith("whisper")
        kind = Recogniser.WHISPER if whisper else Recogniser.STREAMING_PARAFORMER
        return layout(kind, encoder=encoder, decoder=decoder)
    if len(networks) != 1:
        raise UnknownModelError(
            _("its files are those of no kind of recogniser: {files}").format(
                files=", ".join(sorted(networks.values())) or _("there is no .onnx file")
            )
        )
    (model,) = networks.values()
    return layout(_single_network(_about(folder / model)), model=model)


def _single_network(about: Mapping[str, str]) -> Recogniser:
    model_type = about.get("model_type", "")
    if model_type == "sense_voice_ctc":
        return Recogniser.SENSE_VOICE
    if model_type == "paraformer":
        return Recogniser.PARAFORMER
    if "decode_chunk_len" in about:
        return Recogniser.STREAMING_CTC
    if model_type.startswith("zipformer"):
        return Recogniser.ZIPFORMER_CTC
    if model_type.startswith("EncDec"):
        return Recogniser.NEMO_CTC
    raise UnknownModelError(
        _("its network says of itself '{model_type}', which is not known here").format(
            model_type=model_type
        )
    )


def voice_in(folder: Path) -> Layout[Voice]:
    """Return what a folder with a voice is made of.

    Raises:
        UnknownModelError: It is no voice of a kind that is known, or a file is broken.
    """
    networks = _networks(folder)
    tokens = _one(folder, "tokens.txt")
    lexicons = tuple(_lexicons(folder))
    rules = tuple(path.name for path in sorted(folder.glob("*.fst")))
    vocoder = next((n for n in networks.values() if n.startswith(("vocos", "hifigan"))), None)
    if vocoder is not None:
        acoustic = next((name for name in networks.values() if name != vocoder), None)
        if acoustic is None:
            raise UnknownModelError(_("it has a vocoder and no acoustic model"))
        parts = {"acoustic_model": acoustic, "vocoder": vocoder, "tokens": tokens}
        return Layout(Voice.MATCHA, parts, lexicons, rules)
    if len(networks) != 1:
        raise UnknownModelError(
            _("it must have one network, or for Matcha two (the vocoder's name begins with vocos)")
        )
    (model,) = networks.values()
    model_type = _about(folder / model).get("model_type", "")
    if (folder / "voices.bin").is_file() and model_type in ("", "kokoro"):
        parts = {"model": model, "voices": "voices.bin", "tokens": tokens}
        return Layout(Voice.KOKORO, parts, lexicons, rules)
    if model_type == "vits":
        return Layout(Voice.VITS, {"model": model, "tokens": tokens}, lexicons, rules)
    raise UnknownModelError(
        _("its network says of itself '{model_type}', which is not known here").format(
            model_type=model_type
        )
    )


def speaker_names(model: Path) -> tuple[str, ...]:
    """Return the names of a voice's speakers, in order; empty: the network does not say."""
    named = _about(model).get("speaker_names", "")
    return tuple(name.strip() for name in named.split(",") if name.strip())


def _lexicons(folder: Path) -> Iterator[str]:
    """Yield the lexicons. Two of English would be two pronunciations: British is left out."""
    names = sorted(path.name for path in folder.glob("lexicon*.txt"))
    american = any("us" in name for name in names)
    yield from (name for name in names if not (american and "-gb-" in name))


def _networks(folder: Path) -> dict[str, str]:
    """Return the networks by their names without precision; 8-bit ones count where both are."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.onnx"), key=lambda path: ".int8." in path.name):
        found[path.name.removesuffix(".onnx").removesuffix(".int8")] = path.name
    return found


def _named(networks: Mapping[str, str], part: str) -> str:
    """Return the network whose name begins with `part`, or has it behind a hyphen; else ''."""
    for stem, name in networks.items():
        if stem == part or stem.startswith(f"{part}-") or stem.endswith(f"-{part}"):
            return name
    return ""


def _one(folder: Path, pattern: str) -> str:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise UnknownModelError(_("it has not one file {pattern}").format(pattern=pattern))
    return found[0].name


def _about(path: Path) -> Mapping[str, str]:
    try:
        return read_metadata(path)
    except BrokenModelError as error:
        raise UnknownModelError(
            _("{name} is no ONNX file, or a damaged one").format(name=path.name)
        ) from error
