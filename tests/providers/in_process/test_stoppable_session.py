"""Models whose computing is stopped in its middle, by whoever leaves the stream of their work."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from providers.in_process.engine_pool import EnginePool
from providers.in_process.stoppable_session import StoppableSession
from providers.in_process.stopping import Stop
from providers.tts.speech_engine import Emit, SpeechEngine

FOR_EVER = np.array(2**62)
"""Rounds: some thousand years."""


@pytest.fixture(scope="module")
def counter() -> StoppableSession:
    """A model that counts to its input."""
    body = helper.make_graph(
        [
            helper.make_node("Add", ["before", "one"], ["after"]),
            helper.make_node("Identity", ["goes_on"], ["still"]),
        ],
        "round",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.INT64, []),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.INT64, []),
        ],
        [helper.make_tensor("one", TensorProto.INT64, [], [1])],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["rounds", "", "zero"], ["counted"], body=body)],
        "count",
        [helper.make_tensor_value_info("rounds", TensorProto.INT64, [])],
        [helper.make_tensor_value_info("counted", TensorProto.INT64, [])],
        [helper.make_tensor("zero", TensorProto.INT64, [], [0])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return StoppableSession(onnxruntime.InferenceSession(model.SerializeToString()))


def test_it_is_a_session_as_any_other(counter):
    assert counter.run(None, {"rounds": np.array(7)}) == [7]
    assert [one.name for one in counter.get_inputs()] == ["rounds"]


async def test_who_leaves_the_stream_stops_the_model(counter):
    pool = EnginePool("test", 1)

    def work() -> Iterator[Any]:
        yield "begun"
        yield counter.run(None, {"rounds": FOR_EVER})

    async with aclosing(pool.stream(work)) as items:
        assert await anext(items) == "begun"
    async with asyncio.timeout(60):
        assert await pool.run(lambda: "free") == "free"
    pool.close()


async def test_a_built_in_voice_stops_too(counter):
    begun = threading.Event()

    class Voice(SpeechEngine):
        name = "test"
        sample_rate = 24000

        def _speak(self, text: str, voice: str, rate_wpm: int | None, emit: Emit) -> None:
            emit(b"\xff\x1f" * 24000)
            begun.set()
            counter.run(None, {"rounds": FOR_EVER})

    engine = Voice()
    async with aclosing(engine.speak("text", "voice")) as stream:
        await anext(stream)
        assert await asyncio.to_thread(begun.wait, 30)
    # It waits for the thread.
    await asyncio.wait_for(asyncio.to_thread(engine.close), 60)


def test_what_was_stopped_before_it_began_never_does(counter):
    stop = Stop()
    stop()
    with stop.guarding(), pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.Fail):
        counter.run(None, {"rounds": FOR_EVER})
