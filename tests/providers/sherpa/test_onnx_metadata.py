"""What a network says of itself is read without its weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from providers.sherpa.onnx_metadata import BrokenModelError, read_metadata

ABOUT = {"model_type": "zipformer2", "T": "45", "empty": "", "说": "你好"}


@pytest.fixture
def network(tmp_path) -> Path:
    weights = numpy_helper.from_array(np.arange(1 << 16, dtype=np.float32), "w")
    value = helper.make_tensor_value_info("w", TensorProto.FLOAT, (1 << 16,))
    model = helper.make_model(helper.make_graph([], "g", [], [value], [weights]))
    helper.set_model_props(model, ABOUT)
    path: Path = tmp_path / "model.onnx"
    onnx.save(model, str(path))
    return path


def test_all_metadata_are_read(network):
    assert read_metadata(network) == ABOUT


def test_a_network_without_metadata_has_none(tmp_path):
    path = tmp_path / "bare.onnx"
    onnx.save(helper.make_model(helper.make_graph([], "g", [], [])), str(path))
    assert read_metadata(path) == {}


@pytest.mark.parametrize("left", [1, 100, 200_000])
def test_a_file_that_is_cut_off_is_no_network(network, left):
    network.write_bytes(network.read_bytes()[:left])
    with pytest.raises(BrokenModelError):
        read_metadata(network)


@pytest.mark.parametrize("content", [b"garbage" * 100, b"<html>404</html>", b"\xff" * 40])
def test_another_file_is_no_network(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(BrokenModelError):
        read_metadata(path)
