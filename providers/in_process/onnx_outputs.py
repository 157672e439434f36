"""Lets a model tell what it knows on its way: one more output, without a library to edit models.

Models of voices reckon how long each phoneme lasts and keep it to themselves. A model is a message
of Protocol Buffers, and two such messages, one after the other, are by definition one message whose
lists are joined: so a few bytes behind a model add a node and an output to its graph.
"""

from __future__ import annotations

GRAPH = 7
"""Field numbers of ONNX's `ModelProto`, …"""
NODE, OUTPUT = 1, 12
"""… `GraphProto`, …"""
NODE_INPUT, NODE_OUTPUT, NODE_TYPE = 1, 2, 4
"""… `NodeProto`, …"""
NAME = 1
"""… and `ValueInfoProto`."""
_BYTES = 2
"""The wire type of texts and messages."""


def with_output(model: bytes, tensor: str, name: str) -> bytes:
    """Return a model that also puts out one of its tensors.

    A session refuses the model if it has no such tensor.

    Args:
        model: An ONNX model.
        tensor: The tensor's name in the graph.
        name: The name of the new output, which comes behind the model's own.
    """
    node = _text(NODE_INPUT, tensor) + _text(NODE_OUTPUT, name) + _text(NODE_TYPE, "Identity")
    graph = _message(NODE, node) + _message(OUTPUT, _text(NAME, name))
    return model + _message(GRAPH, graph)


def _text(number: int, value: str) -> bytes:
    return _message(number, value.encode())


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
