"""A folder is recognised by the names of its files, and by what its networks say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx
import pytest
from onnx import helper

from providers.sherpa.catalogue import CACHE, RECOGNISERS, VOICES, Model
from providers.sherpa.layouts import (
    Recogniser,
    UnknownModelError,
    Voice,
    recogniser_in,
    speaker_names,
    voice_in,
)

ABOUT: Mapping[Recogniser | Voice, dict[str, str]] = {
    Recogniser.SENSE_VOICE: {"model_type": "sense_voice_ctc"},
    Recogniser.PARAFORMER: {"model_type": "paraformer"},
    Recogniser.TRANSDUCER: {"model_type": "zipformer2"},
    Recogniser.NEMO_TRANSDUCER: {"model_type": "EncDecRNNTBPEModel"},
    Recogniser.ZIPFORMER_CTC: {"model_type": "zipformer2_ctc"},
    Recogniser.NEMO_CTC: {"model_type": "EncDecCTCModelBPE"},
    Recogniser.WHISPER: {"model_type": "whisper-small"},
    Recogniser.MOONSHINE: {},
    Recogniser.STREAMING_TRANSDUCER: {"model_type": "zipformer2", "decode_chunk_len": "32"},
    Recogniser.STREAMING_PARAFORMER: {"model_type": "paraformer"},
    Recogniser.STREAMING_CTC: {"model_type": "zipformer2", "decode_chunk_len": "32"},
    Voice.KOKORO: {"model_type": "kokoro", "speaker_names": "af_one,zm_two"},
    Voice.MATCHA: {"model_type": "matcha-tts"},
    Voice.VITS: {"model_type": "vits"},
}


def unpack(folder: Path, kind: Recogniser | Voice | None, *names: str) -> Path:
    """Write files as a published model has them, with others beside."""
    for name in (*names, "README.md", "test_wavs"):
        path = folder / name
        if name.endswith(".onnx"):
            model = helper.make_model(helper.make_graph([], "g", [], []))
            helper.set_model_props(model, ABOUT[kind] if kind else {})
            onnx.save(model, str(path))
        else:
            path.touch()
    return folder


@pytest.mark.parametrize("name", RECOGNISERS)
def test_every_published_recogniser_is_recognised_in_a_folder(tmp_path, name):
    layout = RECOGNISERS[name].layout
    assert recogniser_in(unpack(tmp_path, layout.kind, *layout.names)) == layout


@pytest.mark.parametrize("name", VOICES)
def test_every_published_voice_is_recognised_in_a_folder(tmp_path, name):
    layout = VOICES[name].layout
    found = voice_in(unpack(tmp_path, layout.kind, *layout.names))
    assert (found.kind, found.parts, found.lexicons) == (
        layout.kind,
        layout.parts,
        layout.lexicons,
    )
    assert sorted(found.rules) == sorted(layout.rules)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (Recogniser.ZIPFORMER_CTC, ("model.onnx",)),
        (Recogniser.NEMO_CTC, ("model.int8.onnx", "model.onnx")),
        (Recogniser.TRANSDUCER, ("encoder-1.onnx", "decoder-1.onnx", "joiner-1.onnx")),
        (Recogniser.STREAMING_CTC, ("ctc-epoch-20-avg-1-chunk-16-left-128.int8.onnx",)),
    ],
)
def test_kinds_without_a_published_model_are_recognised_too(tmp_path, kind, names):
    layout = recogniser_in(unpack(tmp_path, kind, *names, "tokens.txt"))
    assert layout.kind is kind
    assert names[0] in layout.parts.values(), "8-bit networks come first"


def test_of_two_ways_to_speak_english_one_counts(tmp_path):
    lexicons = ("lexicon-gb-en.txt", "lexicon-us-en.txt", "lexicon-zh.txt")
    names = ("model.onnx", "voices.bin", "tokens.txt", *lexicons)
    assert voice_in(unpack(tmp_path, Voice.KOKORO, *names)).lexicons == lexicons[1:]


def test_speakers_are_those_that_the_network_names(tmp_path):
    unpack(tmp_path, Voice.KOKORO, "model.onnx")
    assert speaker_names(tmp_path / "model.onnx") == ("af_one", "zm_two")


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("tokens.txt",), "no kind of recogniser"),
        (("model.onnx",), "tokens.txt"),
        (("model.onnx", "tokens.txt"), "says of itself ''"),
        (("encoder.onnx", "other.onnx", "tokens.txt"), "encoder.onnx, other.onnx"),
    ],
)
def test_what_is_no_recogniser_is_told(tmp_path, names, why):
    with pytest.raises(UnknownModelError, match=why):
        recogniser_in(unpack(tmp_path, None, *names))


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("model.onnx",), "tokens.txt"),
        (("model.onnx", "tokens.txt"), "says of itself ''"),
        (("one.onnx", "two.onnx", "tokens.txt"), "must have one network"),
        (("vocos-22khz-univ.onnx", "tokens.txt"), "no acoustic model"),
    ],
)
def test_what_is_no_voice_is_told(tmp_path, names, why):
    with pytest.raises(UnknownModelError, match=why):
        voice_in(unpack(tmp_path, None, *names))


def test_published_models_lie_in_folders_of_their_own_and_come_from_the_hub():
    models: list[Model[Recogniser] | Model[Voice]] = [*RECOGNISERS.values(), *VOICES.values()]
    assert len({model.folder(CACHE) for model in models}) == len(models)
    for model in models:
        for file, address in model.addresses(CACHE).items():
            assert address.startswith("https://")
            assert address.endswith(file.name)
