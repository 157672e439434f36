"""Looks up what a model computes from what, without a library to read models.

The names of tensors differ from one export of a model to the next, and what they are made of does
not. A model is a message of Protocol Buffers: its nodes are a few hundred kilobytes between the
weights, which are skipped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from providers.in_process.onnx_outputs import (
    GRAPH,
    NAME,
    NODE,
    NODE_INPUT,
    NODE_OUTPUT,
    NODE_TYPE,
    OUTPUT,
)


class Node(NamedTuple):
    """One step of a model."""

    type: str
    inputs: Sequence[str]
    outputs: Sequence[str]


def nodes(model: bytes) -> Iterator[Node]:
    """Yield the steps of an ONNX model, in its order.

    Raises:
        ValueError: These bytes are no model.
    """
    whole = memoryview(model)
    for graph in _messages(whole, GRAPH):
        for node in _messages(graph, NODE):
            (kind,) = _texts(node, NODE_TYPE)
            yield Node(kind, _texts(node, NODE_INPUT), _texts(node, NODE_OUTPUT))


def outputs(model: bytes) -> list[str]:
    """Return the names of what an ONNX model puts out.

    Raises:
        ValueError: These bytes are no model.
    """
    return [
        name
        for graph in _messages(memoryview(model), GRAPH)
        for output in _messages(graph, OUTPUT)
        for name in _texts(output, NAME)
    ]


def computed_from(model: bytes, source: str, steps: Sequence[Collection[str]]) -> str | None:
    """Return the tensor that is computed from another by steps of certain types.

    Args:
        model: An ONNX model.
        source: The name of the tensor to begin with, such as an input.
        steps: For each step the types of nodes that it may be; casts between them do not count.

    Returns:
        Its name; None: there is no such tensor, or more than one.

    Raises:
        ValueError: These bytes are no model.
    """
    all_nodes = list(nodes(model))
    found = {source}
    for types in steps:
        # The nodes of a model are sorted: what is cast comes before what uses it.
        for node in all_nodes:
            if node.type == "Cast" and found.intersection(node.inputs):
                found.update(node.outputs)
        found = {
            node.outputs[0]
            for node in all_nodes
            if node.type in types and found.intersection(node.inputs)
        }
    return found.pop() if len(found) == 1 else None


def _messages(message: memoryview, number: int) -> Iterator[memoryview]:
    """Yield the values of a field that is a message or a text."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        match key & 7:
            # The wire types: a number, eight bytes, four bytes, and any number of bytes.
            case 0:
                _, at = _varint(message, at)
            case 1:
                at += 8
            case 5:
                at += 4
            case 2:
                length, at = _varint(message, at)
                if at + length > len(message):
                    raise ValueError("This is no ONNX model, or a part of one.")
                if key >> 3 == number:
                    yield message[at : at + length]
                at += length
            case wire_type:
                raise ValueError(f"This is no ONNX model: it has a field of type {wire_type}.")


def _texts(message: memoryview, number: int) -> list[str]:
    return [bytes(text).decode() for text in _messages(message, number)]


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("This is no ONNX model, or a part of one.")
