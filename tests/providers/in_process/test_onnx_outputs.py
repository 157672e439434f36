"""A model tells what it knows on its way, and does what it did before."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from providers.in_process.onnx_outputs import with_output


def model() -> bytes:
    """Double what is given, and put out its negative: `doubled` stays inside."""
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("x", "y")]
    nodes = [
        helper.make_node("Add", ["x", "x"], ["doubled"]),
        helper.make_node("Neg", ["doubled"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "tiny", value[:1], value[1:])
    made = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    encoded: bytes = made.SerializeToString()
    return encoded


def session(encoded: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(encoded, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("name", ["durations", "d" * 300])
def test_a_tensor_within_the_graph_becomes_an_output(name: str) -> None:
    told = session(with_output(model(), "doubled", name))
    assert [output.name for output in told.get_outputs()] == ["y", name]
    y, doubled = told.run(None, {"x": np.array([1.5], np.float32)})
    assert (float(y[0]), float(doubled[0])) == (-3.0, 3.0)


def test_a_model_without_the_tensor_is_refused() -> None:
    with pytest.raises(Exception, match="tripled"):
        session(with_output(model(), "tripled", "durations"))
