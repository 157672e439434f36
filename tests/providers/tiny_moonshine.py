"""A Moonshine model of a few kilobytes that says one sentence whenever it hears speech.

The decoder looks up, for the token it is given, the one that follows it in the sentence. Moonshine
reads models in onnxruntime's own format, and finds the speech itself, with a model it brings.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

SENTENCE = "Tests speak softly"
LAYERS, HEADS, HEAD_WIDTH = 6, 8, 36
"""What the library expects of `tiny`."""
_START, _END = 1, 2


def build(folder: Path) -> Path:
    """Write the model to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens = ["<unk>", "<s>", "</s>", *(f"\u2581{word}" for word in SENTENCE.split())]
    _save(_encoder(), folder / "encoder_model.ort")
    _save(_decoder(len(tokens)), folder / "decoder_model_merged.ort")
    encoded = [token.encode() for token in tokens]
    (folder / "tokenizer.bin").write_bytes(b"".join(bytes([len(e)]) + e for e in encoded))
    return folder


def _encoder() -> GraphProto:
    """Whatever the audio, one state."""
    nodes = [
        helper.make_node("ReduceMean", ["audio"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Reshape", ["mean", "shape"], ["last_hidden_state"]),
    ]
    shape = numpy_helper.from_array(np.array([1, 1, 1]), "shape")
    return helper.make_graph(
        nodes,
        "encoder",
        [_value("audio", TensorProto.FLOAT, 1, "samples")],
        [_value("last_hidden_state", TensorProto.FLOAT, 1, 1, 1)],
        [shape],
    )


def _decoder(vocabulary: int) -> GraphProto:
    chain = [_START, *range(_END + 1, vocabulary), _END]
    constants = {
        "said": np.array([chain[:-1]]),
        "next": np.array([chain[1:]]),
        "last_axis": np.array([1]),
        "depth": np.array(vocabulary),
        "off_on": np.array([0, 1], np.float32),
    }
    nodes = [
        helper.make_node("Equal", ["said", "input_ids"], ["here"]),
        helper.make_node("Cast", ["here"], ["mask"], to=TensorProto.INT64),
        helper.make_node("Mul", ["mask", "next"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "last_axis"], ["follower"], keepdims=1),
        helper.make_node("OneHot", ["follower", "depth", "off_on"], ["logits"], axis=-1),
    ]
    inputs = [
        _value("input_ids", TensorProto.INT64, 1, 1),
        _value("encoder_hidden_states", TensorProto.FLOAT, 1, "states", 1),
    ]
    outputs = [_value("logits", TensorProto.FLOAT, 1, 1, vocabulary)]
    for name in _cache_names():
        nodes.append(_pass_on(f"past_key_values.{name}", f"present.{name}"))
        inputs.append(_cache(f"past_key_values.{name}"))
        outputs.append(_cache(f"present.{name}"))
    inputs.append(_value("use_cache_branch", TensorProto.BOOL, 1))
    weights = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    return helper.make_graph(nodes, "decoder", inputs, outputs, weights)


def _cache_names() -> list[str]:
    return [
        f"{layer}.{part}.{kind}"
        for layer in range(LAYERS)
        for part in ("decoder", "encoder")
        for kind in ("key", "value")
    ]


def _cache(name: str) -> ValueInfoProto:
    return _value(name, TensorProto.FLOAT, 1, HEADS, "past", HEAD_WIDTH)


def _pass_on(source: str, target: str) -> NodeProto:
    return helper.make_node("Identity", [source], [target])


def _value(name: str, kind: int, *shape: int | str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _save(graph: GraphProto, path: Path) -> None:
    opset = helper.make_opsetid("", 17)
    model: ModelProto = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
