"""What a model computes from what is found by the types of its steps, and not by names."""

from __future__ import annotations

import pytest
from onnx import NodeProto, TensorProto, helper

from providers.in_process.onnx_graph import computed_from, outputs

STEPS = (("Div",), ("Round",), ("Clip", "Max"))


def model(*nodes: NodeProto) -> bytes:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "xsy"]
    weight = helper.make_tensor("w", TensorProto.FLOAT, [300], [1.5] * 300)
    graph = helper.make_graph(nodes, "tiny", value[:2], value[2:], [weight])
    encoded: bytes = helper.make_model(graph).SerializeToString()
    return encoded


def node(kind: str, given: str, made: str) -> NodeProto:
    return helper.make_node(kind, given.split(), [made], name=f"{kind} of {given}")


def test_a_tensor_is_found_by_what_it_is_made_of() -> None:
    encoded = model(
        node("Div", "x w", "other"),
        node("Div", "x s", "a"),
        node("Cast", "a", "b"),
        node("Round", "b", "c"),
        node("Round", "other", "d"),
        node("Max", "c w", "found"),
        node("Cast", "found", "y"),
    )
    assert computed_from(encoded, "s", STEPS) == "found"
    assert outputs(encoded) == ["y"]


@pytest.mark.parametrize("last", [("Neg",), ("Clip", "Clip")])
def test_none_or_two_of_them_are_not_found(last: tuple[str, ...]) -> None:
    ends = [node(kind, "b", f"c{at}") for at, kind in enumerate(last)]
    assert (
        computed_from(model(node("Div", "x s", "a"), node("Round", "a", "b"), *ends), "s", STEPS)
        is None
    )


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[:-5], lambda _: b"garbage", lambda _: b"\xff"]
)
def test_what_is_no_model_is_named_so(damage) -> None:
    with pytest.raises(ValueError, match="no ONNX model"):
        computed_from(damage(model(node("Neg", "x", "y"))), "s", STEPS)
