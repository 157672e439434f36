"""Voice models of a few hundred bytes that hum: as long as the text, as high as the voice.

They have the inputs and outputs of Piper's and of Kokoro's models, so all that turns text into
phonemes, loads a model and runs it is real.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

PIPER_RATE = 22050
PIPER_STEP, KOKORO_STEP = 256, 600
"""Samples per phoneme."""
KOKORO_FRAMES = 4
"""How many steps a phoneme of the timed model lasts."""
LETTERS_FROM = 17
"""Kokoro's marks and its space have numbers below this."""
PIPER_PITCH_HZ = 200
"""Of the first speaker; each further one is as much higher."""


def build_piper(path: Path, speakers: tuple[str, ...] = ()) -> Path:
    """Write a Piper voice to `path`, and its configuration beside it."""
    radians = 2 * np.pi * PIPER_PITCH_HZ / PIPER_RATE
    constants = {"base": np.array([radians], np.float32)}
    inputs = [
        _value("input", TensorProto.INT64, 1, "phonemes"),
        _value("input_lengths", TensorProto.INT64, 1),
        _value("scales", TensorProto.FLOAT, 3),
    ]
    if speakers:
        inputs.append(_value("sid", TensorProto.INT64, 1))
        constants["one"] = np.array([1])
        pitch = [
            helper.make_node("Add", ["sid", "one"], ["height"]),
            helper.make_node("Cast", ["height"], ["times"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["times", "base"], ["radians"]),
        ]
    else:
        pitch = [helper.make_node("Identity", ["base"], ["radians"])]
    _save(_hum(inputs, "input", pitch, constants, PIPER_STEP, [1, 1, 1, -1]), path)
    config = {
        "audio": {"sample_rate": PIPER_RATE},
        "espeak": {"voice": "en-us"},
        "phoneme_type": "espeak",
        "num_symbols": 256,
        "num_speakers": max(1, len(speakers)),
        "speaker_id_map": {name: number for number, name in enumerate(speakers)},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
    }
    Path(f"{path}.json").write_text(json.dumps(config))
    return path


def build_kokoro(folder: Path, voices: dict[str, float]) -> tuple[Path, Path]:
    """Write a Kokoro model and its voices to `folder`.

    Args:
        folder: Where they go.
        voices: Name → pitch in Hz.

    Returns:
        The model and the voices.
    """
    folder.mkdir(parents=True, exist_ok=True)
    inputs = [
        _value("tokens", TensorProto.INT64, 1, "phonemes"),
        _value("style", TensorProto.FLOAT, 1, 256),
        _value("speed", TensorProto.FLOAT, 1),
    ]
    pitch = [
        helper.make_node("ReduceMean", ["style"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "single"], ["radians"]),
    ]
    model = folder / "tiny.onnx"
    constants = {"single": np.array([1])}
    _save(_hum(inputs, "tokens", pitch, constants, KOKORO_STEP, [-1]), model)
    table = folder / "voices.bin"
    with table.open("wb") as file:
        styles = {
            name: np.full((510, 1, 256), 2 * np.pi * pitch / 24000, np.float32)
            for name, pitch in voices.items()
        }
        np.savez(file, allow_pickle=False, **styles)
    return model, table


def build_timed_kokoro(folder: Path, voices: dict[str, float], *, tells: bool = False) -> None:
    """Write a Kokoro model like `build_kokoro`, which is silent at spaces and at marks.

    Each sign lasts `KOKORO_FRAMES`, and half as much again if it is silent.

    Args:
        folder: Where it goes.
        voices: Name → pitch in Hz.
        tells: Whether it puts out how long each sign lasts, as newer exports do, and does not only
            reckon it on its way.
    """
    model, _ = build_kokoro(folder, voices)
    inputs = [
        _value("tokens", TensorProto.INT64, 1, "phonemes"),
        _value("style", TensorProto.FLOAT, 1, 256),
        _value("speed", TensorProto.FLOAT, 1),
    ]
    constants = {
        "single": np.array([1]),
        "letters_from": np.array(LETTERS_FROM),
        "frames": np.array(KOKORO_FRAMES, np.float32),
        "half_more": np.array(KOKORO_FRAMES // 2, np.float32),
        "one": np.array(1, np.float32),
        "last": np.array(1),
        "zero": np.array(0.0, np.float32),
        "step": np.array(KOKORO_STEP, np.float32),
        "half": np.array(0.5, np.float32),
        "shape": np.array([-1]),
        "column": np.array([-1, 1]),
        "rows": np.array([-1, KOKORO_STEP]),
    }
    nodes = [
        helper.make_node("Less", ["tokens", "letters_from"], ["is_pause"]),
        helper.make_node("Cast", ["is_pause"], ["pause"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["pause", "half_more"], ["more"]),
        helper.make_node("Add", ["more", "frames"], ["usual"]),
        helper.make_node("Cast", ["speed"], ["pace"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["usual", "pace"], ["exact"]),
        helper.make_node("Round", ["exact"], ["whole"]),
        helper.make_node("Clip", ["whole", "one"], ["durations"]),
        helper.make_node("CumSum", ["durations", "last"], ["ends"]),
        helper.make_node("ReduceSum", ["durations"], ["total"], keepdims=0),
        # Of each frame: how many signs have ended, and so whether it is of a pause.
        helper.make_node("Range", ["zero", "total", "one"], ["frame"]),
        helper.make_node("Reshape", ["frame", "column"], ["frame_column"]),
        helper.make_node("GreaterOrEqual", ["frame_column", "ends"], ["has_ended"]),
        helper.make_node("Cast", ["has_ended"], ["ended"], to=TensorProto.INT64),
        helper.make_node("ReduceSum", ["ended", "single"], ["sign"], keepdims=0),
        helper.make_node("Reshape", ["pause", "shape"], ["pauses"]),
        helper.make_node("Gather", ["pauses", "sign"], ["silent"]),
        helper.make_node("Sub", ["half", "silent"], ["loud"]),
        helper.make_node("Clip", ["loud", "zero"], ["loudness"]),
        helper.make_node("Reshape", ["loudness", "column"], ["loudnesses"]),
        helper.make_node("Mul", ["total", "step"], ["samples"]),
        helper.make_node("Range", ["zero", "samples", "one"], ["time"]),
        helper.make_node("Reshape", ["time", "rows"], ["times"]),
        helper.make_node("ReduceMean", ["style"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "single"], ["radians"]),
        helper.make_node("Mul", ["times", "radians"], ["phase"]),
        helper.make_node("Sin", ["phase"], ["sine"]),
        helper.make_node("Mul", ["sine", "loudnesses"], ["hum"]),
        helper.make_node("Reshape", ["hum", "shape"], ["audio"]),
    ]
    weights = [numpy_helper.from_array(array, label) for label, array in constants.items()]
    outputs = [_value("audio", TensorProto.FLOAT, "samples")]
    if tells:
        nodes.append(helper.make_node("Cast", ["durations"], ["duration"], to=TensorProto.INT64))
        outputs.append(_value("duration", TensorProto.INT64, 1, "phonemes"))
    graph = helper.make_graph(nodes, "timed hum", inputs, outputs, weights)
    _save(graph, model)


def pitch_of(pcm: bytes, rate: int) -> float:
    """Return how high a hum is, in Hz."""
    samples = np.frombuffer(pcm, np.int16).astype(np.int32)
    loud = samples[np.abs(samples) > 1000]
    rises = np.count_nonzero((loud[:-1] < 0) & (loud[1:] > 0))
    sounding = np.count_nonzero(samples) / rate
    return float(rises / sounding)


def _hum(
    inputs: list[ValueInfoProto],
    phonemes: str,
    pitch: list[NodeProto],
    constants: dict[str, np.ndarray],
    step: int,
    shape: list[int],
) -> GraphProto:
    """Return a sine of `step` samples per phoneme; `pitch` makes its `radians` per sample."""
    nodes = [
        *pitch,
        helper.make_node("Size", [phonemes], ["count"]),
        helper.make_node("Mul", ["count", "step"], ["samples"]),
        helper.make_node("Range", ["zero", "samples", "unit"], ["index"]),
        helper.make_node("Cast", ["index"], ["time"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["time", "radians"], ["phase"]),
        helper.make_node("Sin", ["phase"], ["sine"]),
        helper.make_node("Mul", ["sine", "half"], ["wave"]),
        helper.make_node("Reshape", ["wave", "shape"], ["audio"]),
    ]
    constants = {
        **constants,
        "step": np.array(step),
        "zero": np.array(0),
        "unit": np.array(1),
        "half": np.array(0.5, np.float32),
        "shape": np.array(shape),
    }
    output = _value("audio", TensorProto.FLOAT, *["samples" if n < 0 else n for n in shape])
    weights = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    return helper.make_graph(nodes, "hum", inputs, [output], weights)


def _value(name: str, kind: int, *shape: int | str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _save(graph: GraphProto, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), str(path))
