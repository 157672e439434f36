"""Silero computed here says what the same model says in onnxruntime, alone and in company."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import onnxruntime
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from audio.pcm import SAMPLE_RATE, read_wav
from tests.support.places import DATA
from turn_detection.silero_network import (
    _SHAPES,
    INPUT_SAMPLES,
    MEMORY,
    ROWS,
    Floats,
    SileroNetwork,
)

PATH = files("pipecat.audio.vad.data").joinpath("silero_vad.onnx")


@pytest.fixture(scope="module")
def network() -> SileroNetwork:
    return SileroNetwork()


def heard(name: str) -> Floats:
    """A clip as the network is given it: windows with their context, shape (windows, 576)."""
    samples = np.frombuffer(read_wav(DATA / f"{name}.wav", SAMPLE_RATE), "<i2") / np.float32(32768)
    padded = np.concatenate([np.zeros(64, np.float32), samples])
    starts = range(0, len(padded) - INPUT_SAMPLES, 512)
    return np.stack([padded[start : start + INPUT_SAMPLES] for start in starts])


@pytest.mark.parametrize("name", ["flite-slt_s01", "flite-slt_s02"])
def test_speech_is_scored_as_onnxruntime_scores_it(network: SileroNetwork, name: str) -> None:
    reference = onnxruntime.InferenceSession(str(PATH), providers=["CPUExecutionProvider"])
    memory: Floats = np.zeros((1, MEMORY), np.float32)
    expected_memory = memory.reshape(2, 1, -1)
    probabilities = []
    for window in heard(name)[:, np.newaxis]:
        probability, memory = network.run(window, memory)
        inputs = {"input": window, "state": expected_memory, "sr": np.array(SAMPLE_RATE)}
        expected, expected_memory = reference.run(None, inputs)
        assert probability == pytest.approx(expected[:, 0], abs=1e-4)
        assert np.abs(memory.reshape(2, 1, -1) - expected_memory).max() < 1e-3
        probabilities.append(probability[0])
    assert min(probabilities) < 0.1 < 0.9 < max(probabilities)


@pytest.mark.parametrize("streams", [2, 7, ROWS])
def test_company_changes_not_a_bit(network: SileroNetwork, streams: int) -> None:
    samples = heard("flite-slt_s01")[:streams]
    chance = np.random.default_rng(streams)
    memories = chance.normal(0, 0.3, (streams, MEMORY)).astype(np.float32)
    together, after = network.run(samples, memories)
    for row in range(streams):
        alone, memory = network.run(samples[row : row + 1], memories[row : row + 1])
        assert alone[0] == together[row]
        assert np.array_equal(memory[0], after[row])


def test_where_rows_differ_streams_are_not_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A BLAS that adds up the rows of a product in different ways."""
    dot = np.dot

    def uneven(one: Floats, other: Floats) -> Floats:
        product: Floats = dot(one, other)
        row = np.arange(len(product), dtype=np.float32)
        return product + np.float32(1e-7) * (row[:, np.newaxis] if product.ndim == 2 else row)

    assert SileroNetwork().at_once == ROWS
    monkeypatch.setattr(np, "dot", uneven)
    assert SileroNetwork().at_once == 1


def test_products_take_one_thread_and_others_keep_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    dot, during = np.dot, set[int]()

    def noting(one: Floats, other: Floats) -> Floats:
        during.update(blas_threads())
        product: Floats = dot(one, other)
        return product

    with threadpool_limits(2, user_api="blas"):
        network = SileroNetwork()
        monkeypatch.setattr(np, "dot", noting)
        network.run(np.zeros((2, INPUT_SAMPLES), np.float32), np.zeros((2, MEMORY), np.float32))
        assert during == {1}
        assert blas_threads() == {2}


def blas_threads() -> set[int]:
    """How many threads the process's BLAS, of which libraries bring their own, may use."""
    return {
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    }


def test_another_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_SHAPES, "decoder.rnn.bias_hh", (256,))
    with pytest.raises(RuntimeError, match=r"requirements\.txt"):
        SileroNetwork()
