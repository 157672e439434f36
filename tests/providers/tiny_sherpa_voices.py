"""Voices of sherpa-onnx of a few kilobytes that hum: as long as the text, as high as the speaker.

They have the inputs, outputs and metadata of Kokoro, MeloTTS and Matcha; what looks words up, loads
a model and runs it is real.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

KOKORO_RATE, KOKORO_STEP = 24000, 600
MELO_RATE, MELO_STEP, MELO_PITCH_HZ = 16000, 256, 200
"""Hz, samples per token."""
SPEAKERS = {"af_maple": 300.0, "zf_001": 450.0, "zm_009": 600.0}
"""Name → pitch in Hz."""
_FLOAT, _INT64 = TensorProto.FLOAT, TensorProto.INT64
_WORDS = {"hello": "h e l o", "there": "d e r", "how": "h a", "are": "a r", "you": "y u"}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def build_kokoro(folder: Path, speakers: Mapping[str, float] = SPEAKERS) -> Path:
    """Write a Kokoro for English and Chinese to `folder`."""
    inputs = [
        _value("tokens", _INT64, 1, "L"),
        _value("style", _FLOAT, 1, 256),
        _value("speed", _FLOAT, 1),
    ]
    pitch = [
        helper.make_node("ReduceMean", ["style"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "single"], ["own"]),
    ]
    about = {
        "model_type": "kokoro",
        "version": "2",
        "has_espeak": "1",
        "voice": "en-us",
        "sample_rate": str(KOKORO_RATE),
        "n_speakers": str(len(speakers)),
        "speaker_names": ",".join(speakers),
        "style_dim": "510,1,256",
        "max_token_len": "510",
    }
    single = {"single": np.array([1])}
    _hum(folder / "model.int8.onnx", inputs, "audio", pitch, single, KOKORO_STEP, [-1], about)
    styles = [
        np.full((510, 1, 256), 2 * np.pi * pitch / KOKORO_RATE, np.float32)
        for pitch in speakers.values()
    ]
    np.concatenate(styles).tofile(folder / "voices.bin")
    _write_tokens(folder, [*';:,.!?—…"()“” ', *_LETTERS, *"1234"])
    english = {**_WORDS, **{letter: letter for letter in _LETTERS}}
    _write_lexicon(folder / "lexicon-us-en.txt", english)
    _write_lexicon(folder / "lexicon-zh.txt", {"你": "n i 3", "好": "h a o 3", "你好": "n i h a o"})
    return folder


def build_melo(folder: Path) -> Path:
    """Write a MeloTTS to `folder`: one speaker, and a tone for every token."""
    inputs = [
        _value("x", _INT64, 1, "L"),
        _value("x_lengths", _INT64, 1),
        _value("tones", _INT64, 1, "L"),
        _value("sid", _INT64, 1),
        *(_value(name, _FLOAT, 1) for name in ("noise_scale", "length_scale", "noise_scale_w")),
    ]
    about = {
        "model_type": "vits",
        "comment": "melo",
        "version": "2",
        "language": "Chinese + English",
        "jieba": "1",
        "add_blank": "0",
        "n_speakers": "1",
        "speaker_id": "1",
        "sample_rate": str(MELO_RATE),
    }
    base = {"own": np.array([2 * np.pi * MELO_PITCH_HZ / MELO_RATE], np.float32)}
    _hum(folder / "model.onnx", inputs, "y", [], base, MELO_STEP, [1, 1, -1], about)
    _write_tokens(folder, ["_", *_LETTERS, *",.!?"])
    words = {**_WORDS, "你": "n i", "好": "h a"}
    toned = {word: f"{said} {' '.join('7' * len(said.split()))}" for word, said in words.items()}
    _write_lexicon(folder / "lexicon.txt", toned)
    return folder


def build_rule(path: Path, figure: str, word: str) -> Path:
    """Write a rule that reads a figure as a word of as many bytes, and leaves all else as it is."""
    changed = dict(zip(figure.encode(), word.encode(), strict=True))
    arcs = b"".join(
        struct.pack("<iifi", byte, changed.get(byte, byte), 0.0, 0) for byte in range(1, 256)
    )
    head = struct.pack("<i", 2125659606) + _name("vector") + _name("standard")
    # Version, flags, properties, first state; how many states and arcs; the state.
    head += struct.pack("<iiQqqqfq", 2, 0, 3, 0, 1, 255, 0.0, 255)
    path.write_bytes(head + arcs)
    return path


def _name(text: str) -> bytes:
    return struct.pack("<i", len(text)) + text.encode()


def _hum(
    path: Path,
    inputs: list[ValueInfoProto],
    output: str,
    pitch: list[NodeProto],
    constants: Mapping[str, np.ndarray],
    step: int,
    shape: list[int],
    about: Mapping[str, str],
) -> None:
    """Write a network that makes a sine of `step` samples per token, `own` radians a sample."""
    everything = [value.name for value in inputs]
    nodes = [
        *pitch,
        helper.make_node("Size", [everything[0]], ["count"]),
        helper.make_node("Mul", ["count", "step"], ["samples"]),
        helper.make_node("Range", ["zero", "samples", "unit"], ["index"]),
        helper.make_node("Cast", ["index"], ["time"], to=_FLOAT),
        helper.make_node("Mul", ["time", "own"], ["phase"]),
        helper.make_node("Sin", ["phase"], ["sine"]),
        helper.make_node("Mul", ["sine", "half"], ["wave"]),
        helper.make_node("Reshape", ["wave", "shape"], [output]),
    ]
    arrays = {
        **constants,
        "step": np.array(step),
        "zero": np.array(0),
        "unit": np.array(1),
        "half": np.array(0.5, np.float32),
        "shape": np.array(shape),
    }
    made = _value(output, _FLOAT, *["samples" if n < 0 else n for n in shape])
    weights = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "hum", inputs, [made], weights)
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    helper.set_model_props(model, dict(about))
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))


def _write_tokens(folder: Path, tokens: list[str]) -> None:
    lines = (f"{token} {number}\n" for number, token in enumerate(tokens))
    (folder / "tokens.txt").write_text("".join(lines), encoding="utf-8")


def _write_lexicon(path: Path, words: Mapping[str, str]) -> None:
    lines = (f"{word} {said}\n" for word, said in words.items())
    path.write_text("".join(lines), encoding="utf-8")


def _value(name: str, kind: int, *shape: int | str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)
