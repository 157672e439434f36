"""Models of sherpa-onnx of a few kilobytes: recognisers that say what is written in them.

They have the inputs, outputs and metadata of SenseVoice, of a streaming Zipformer2 with CTC, and of
a streaming transducer. All that loads, feeds and decodes them is real.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

LANGUAGES = {"auto": 0, "zh": 3, "en": 4, "yue": 7, "ja": 11, "ko": 12}
"""SenseVoice's numbers of languages."""
SAID = {"zh": ("你", "好"), "en": ("hello", "there")}
"""What the SenseVoice says when it is told the language."""
CHUNK = 32
"""Frames of 10 ms that the streaming model takes at a time."""
STREAMED = ("one", "two", "three", "four", "five", "six", "seven", "eight")
"""What the streaming model says: a word for each chunk."""
_FLOAT, _INT32, _INT64 = TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64


def build_sense_voice(
    folder: Path, detected: str = "zh", about: Mapping[str, str | None] | None = None
) -> Path:
    """Write a SenseVoice that speaks the language it is told.

    Args:
        folder: Where it goes.
        detected: The language that it finds where it is told none.
        about: Other metadata than usual; None: without it.
    """
    tokens = ["<blk>", *(f"<|{code}|>" for code in ("zh", "en", "nospeech"))]
    tokens += ["<|NEUTRAL|>", "<|Speech|>", "<|withitn|>", "<|woitn|>"]
    tokens += ["你", "好", "\u2581hello", "\u2581there", "."]
    place = {token: number for number, token in enumerate(tokens)}
    table = np.zeros((max(LANGUAGES.values()) + 1, 2, 7), np.int64)
    for code, row in LANGUAGES.items():
        spoken = detected if code == "auto" else code
        words = SAID.get(spoken, ())
        said = [place[w] if w in place else place[f"\u2581{w}"] for w in words]
        heard = place[f"<|{spoken if words else 'nospeech'}|>"]
        for itn, mark in enumerate(("<|woitn|>", "<|withitn|>")):
            start = [heard, place["<|NEUTRAL|>"], place["<|Speech|>"], place[mark]]
            end = [place["."]] if itn and said else []
            line = [*start, *said, *end]
            table[row, itn, : len(line)] = line
    constants: dict[str, np.ndarray] = {
        "table": table,
        "plain": np.array(15, np.int32),
        "read_before": np.array([3]),
        "depth": np.array(len(tokens)),
        "off_on": np.array([0, 10], np.float32),
        "zeros": np.array([0, 0, 0]),
        "blank": np.array(0),
    }
    nodes = [
        helper.make_node("Cast", ["language"], ["row"], to=_INT64),
        helper.make_node("Sub", ["plain", "text_norm"], ["itn32"]),
        helper.make_node("Cast", ["itn32"], ["itn"], to=_INT64),
        helper.make_node("Gather", ["table", "row"], ["both"], axis=0),
        helper.make_node("Gather", ["both", "itn"], ["script3"], axis=1),
        helper.make_node("Squeeze", ["script3", "one"], ["script"]),
        # As many frames as the audio has, and four for what is known of it.
        helper.make_node("Cast", ["x_length"], ["frames"], to=_INT64),
        helper.make_node("Sub", ["frames", "read_before"], ["rest"]),
        helper.make_node("Concat", ["zeros", "rest"], ["padding"], axis=0),
        helper.make_node("Pad", ["script", "padding", "blank"], ["said"]),
        helper.make_node("OneHot", ["said", "depth", "off_on"], ["clean"], axis=-1),
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "nothing"], ["unheard"]),
        helper.make_node("Add", ["clean", "unheard"], ["logits"]),
    ]
    constants |= {"one": np.array([1]), "nothing": np.array(0, np.float32)}
    inputs = [
        _value("x", _FLOAT, 1, "T", 560),
        _value("x_length", _INT32, 1),
        _value("language", _INT32, 1),
        _value("text_norm", _INT32, 1),
    ]
    metadata: dict[str, str | None] = {
        "model_type": "sense_voice_ctc",
        "vocab_size": str(len(tokens)),
        "lfr_window_size": "7",
        "lfr_window_shift": "6",
        "normalize_samples": "0",
        "with_itn": "14",
        "without_itn": "15",
        "neg_mean": ",".join(["0"] * 560),
        "inv_stddev": ",".join(["1"] * 560),
        **{f"lang_{code}": str(row) for code, row in LANGUAGES.items()},
        **(about or {}),
    }
    outputs = [_value("logits", _FLOAT, 1, "F", len(tokens))]
    _save(folder / "model.int8.onnx", nodes, inputs, outputs, constants, metadata)
    return _write_tokens(folder, tokens)


def build_streaming(folder: Path, words: tuple[str, ...] = STREAMED) -> Path:
    """Write a streaming Zipformer2 with CTC to `folder`, which says a word for each chunk."""
    tokens = ["<blk>", *(f"\u2581{word}" for word in words)]
    frames = CHUNK // 2
    script = np.zeros((len(words) + 100, frames), np.int64)
    script[: len(words), 0] = np.arange(1, len(tokens))
    states = {
        "cached_key_0": (1, 1, 4),
        "cached_nonlin_attn_0": (1, 1, 1, 3),
        "cached_val1_0": (1, 1, 4),
        "cached_val2_0": (1, 1, 4),
        "cached_conv1_0": (1, 4, 1),
        "cached_conv2_0": (1, 4, 1),
        "embed_states": (1, 128, 3, 19),
    }
    nodes = [
        helper.make_node("Gather", ["script", "processed_lens"], ["said"], axis=0),
        helper.make_node("OneHot", ["said", "depth", "off_on"], ["clean"], axis=-1),
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "nothing"], ["unheard"]),
        helper.make_node("Add", ["clean", "unheard"], ["log_probs"]),
        *(helper.make_node("Identity", [name], [f"new_{name}"]) for name in states),
        helper.make_node("Add", ["processed_lens", "one"], ["new_processed_lens"]),
    ]
    constants: dict[str, np.ndarray] = {
        "script": script,
        "depth": np.array(len(tokens)),
        "off_on": np.array([-10, 0], np.float32),
        "nothing": np.array(0, np.float32),
        "one": np.array([1]),
    }
    inputs = [_value("x", _FLOAT, 1, "T", 80)]
    inputs += [_value(name, _FLOAT, *shape) for name, shape in states.items()]
    inputs.append(_value("processed_lens", _INT64, 1))
    outputs = [_value("log_probs", _FLOAT, 1, frames, len(tokens))]
    outputs += [_value(f"new_{name}", _FLOAT, *shape) for name, shape in states.items()]
    outputs.append(_value("new_processed_lens", _INT64, 1))
    about = {
        "model_type": "zipformer2",
        "encoder_dims": "4",
        "query_head_dims": "4",
        "value_head_dims": "4",
        "num_heads": "1",
        "num_encoder_layers": "1",
        "cnn_module_kernels": "3",
        "left_context_len": "1",
        "T": str(CHUNK + 13),
        "decode_chunk_len": str(CHUNK),
    }
    _save(folder / "model.onnx", nodes, inputs, outputs, constants, about)
    return _write_tokens(folder, tokens)


def build_transducer(folder: Path) -> Path:
    """Write a streaming transducer that hears 你号 rather than 你好, but is not sure."""
    tokens = ["<blk>", "你", "号", "好", "<unk>"]
    width, frames = len(tokens), 2
    script = np.zeros((100, frames, width), np.float32)
    script[:, :, 0] = 9
    script[0, 0] = [0, 9, 0, 0, 0]
    script[1, 0] = [0, 0, 9, 8.5, 0]
    one, state = np.array([1]), (1, 1, 1)
    encoder = [
        # The state of the LSTM counts chunks.
        helper.make_node("Reshape", ["h", "one"], ["count"]),
        helper.make_node("Cast", ["count"], ["chunk"], to=_INT64),
        helper.make_node("Gather", ["script", "chunk"], ["clean"], axis=0),
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "nothing"], ["unheard"]),
        helper.make_node("Add", ["clean", "unheard"], ["encoder_out"]),
        helper.make_node("Add", ["h", "unit"], ["new_h"]),
        helper.make_node("Identity", ["c"], ["new_c"]),
    ]
    constants = {"script": script, "nothing": _scalar(0), "unit": _scalar(1), "one": one}
    states = [_value("h", _FLOAT, *state), _value("c", _FLOAT, *state)]
    _save(
        folder / "encoder.onnx",
        encoder,
        [_value("x", _FLOAT, 1, "T", 80), *states],
        [
            _value("encoder_out", _FLOAT, 1, frames, width),
            _value("new_h", _FLOAT, *state),
            _value("new_c", _FLOAT, *state),
        ],
        constants,
        {
            "model_type": "lstm",
            "num_encoder_layers": "1",
            "T": "9",
            "decode_chunk_len": "8",
            "rnn_hidden_size": "1",
            "d_model": "1",
        },
    )
    decoder = [
        helper.make_node("Cast", ["y"], ["said"], to=_FLOAT),
        helper.make_node("ReduceMean", ["said"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["mean", "zeros"], ["decoder_out"]),
    ]
    _save(
        folder / "decoder.onnx",
        decoder,
        [_value("y", _INT64, "N", 2)],
        [_value("decoder_out", _FLOAT, "N", width)],
        {"zeros": np.zeros((1, width), np.float32)},
        {"vocab_size": str(width), "context_size": "2"},
    )
    both = [_value(name, _FLOAT, "N", width) for name in ("encoder_out", "decoder_out")]
    joiner = [helper.make_node("Add", ["encoder_out", "decoder_out"], ["logit"])]
    made = [_value("logit", _FLOAT, "N", width)]
    _save(folder / "joiner.onnx", joiner, both, made, {}, {"joiner_dim": str(width)})
    return _write_tokens(folder, tokens)


def _scalar(value: float) -> np.ndarray:
    return np.array(value, np.float32)


def _write_tokens(folder: Path, tokens: list[str]) -> Path:
    lines = (f"{token} {number}\n" for number, token in enumerate(tokens))
    (folder / "tokens.txt").write_text("".join(lines), encoding="utf-8")
    return folder


def _value(name: str, kind: int, *shape: int | str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _save(
    path: Path,
    nodes: list[NodeProto],
    inputs: list[ValueInfoProto],
    outputs: list[ValueInfoProto],
    constants: Mapping[str, np.ndarray],
    about: Mapping[str, str | None],
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, weights)
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    helper.set_model_props(model, {k: v for k, v in about.items() if v is not None})
    onnx.save(model, str(path))
