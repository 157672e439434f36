"""Silero's network as matrix products in numpy, for a batch of streams.

onnxruntime spends most of a call on the many small nodes of the graph and on convolutions that
leave the core's vector units idle; the same sums as matrix products take a quarter of the time. The
weights are those of the file that pipecat-ai ships.

A stream's result must be the same to the last bit, alone or in a batch. That depends on the
machine's BLAS: a row of a product may depend on its position and on the number of rows. This is
tested once at the start; if so, streams are computed one at a time.

BLAS would split such products over several threads, which costs more than it gains: 15.6 ms of CPU
a session-second instead of 4.5, with 60 sessions and two cores. So each call limits BLAS to one
thread, for itself alone, which costs some 5 µs a call.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import onnx
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from settings.installation import reinstall

Floats = NDArray[np.float32]

ROWS = 32
"""Most streams in a call: about 0.75 ms of work."""
FEWEST = 4
"""Fewest rows to compute: BLAS computes products of very few rows in another way."""
INPUT_SAMPLES = 576
"""64 samples of context and the 512 of a window, at 16 kHz."""
MEMORY = 256
"""Size of a stream's recurrent state: the LSTM's last output, then its cells."""
_STATE = 128

_FRAME, _HOP = 256, 128
"""Samples of a frame of the spectrum, and from the start of one to the next."""
_FRAMES = 4
_MIRRORED = slice(INPUT_SAMPLES - 2, INPUT_SAMPLES - 2 - _FRAME // 4, -1)
"""Reflection padding: the samples that are repeated, mirrored, after the last one."""
_BANDS = 129


class SileroNetwork:
    """The network of Silero VAD, version 5, at 16 kHz.

    Not thread-safe: every call reuses the arrays of intermediate results.
    """

    def __init__(self) -> None:
        """Read the weights from the pipecat-ai package.

        Raises:
            RuntimeError: The model in the package has another architecture.
        """
        self._blas = ThreadpoolController().select(user_api="blas").lib_controllers
        weights = _weights()
        self._basis = np.ascontiguousarray(weights["stft.forward_basis_buffer"][:, 0].T)
        self._layers = [_as_product(weights, layer) for layer in range(4)]
        # Layers 2 and 3 have one input frame between padding: only some taps meet it.
        self._layers[2] = (self._layers[2][0][64:], self._layers[2][1])
        self._layers[3] = (self._layers[3][0][64:128], self._layers[3][1])
        # All gates are computed by tanh: sigmoid(x) is tanh(x / 2) / 2 + 1 / 2. PyTorch's order of
        # gates is i, f, g, o; here it is i, f, o, g.
        order = np.r_[0:256, 384:512, 256:384]
        scale = np.repeat(np.array([0.5, 1], np.float32), [384, 128])
        both = np.concatenate(
            [weights["decoder.rnn.weight_ih"].T, weights["decoder.rnn.weight_hh"].T]
        )
        bias = weights["decoder.rnn.bias_ih"] + weights["decoder.rnn.bias_hh"]
        self._gates = (np.ascontiguousarray(both[:, order] * scale), bias[order] * scale)
        self._verdict = weights["decoder.decoder.2.weight"][0, :, 0]
        self._verdict_bias = weights["decoder.decoder.2.bias"][0]
        self._samples = np.zeros((ROWS, INPUT_SAMPLES + _FRAME // 4), np.float32)
        self._frames = _windows(self._samples, _FRAMES, _FRAME, _HOP)
        # A frame of zeros on either side pads the convolutions.
        self._spectrum = np.zeros((ROWS, _FRAMES + 2, _BANDS), np.float32)
        self._first = np.zeros((ROWS, _FRAMES + 2, 128), np.float32)
        self._spectrum_windows = _windows(self._spectrum, _FRAMES, 3 * _BANDS, _BANDS)
        self._first_windows = _windows(self._first, 2, 3 * 128, 2 * 128)
        self._recurrent = np.zeros((ROWS, MEMORY), np.float32)
        self._cells = np.zeros((ROWS, _STATE), np.float32)
        self.at_once = ROWS if self._results_are_independent() else 1
        """Most streams per call of `run`."""

    def run(self, samples: Floats, memories: Floats) -> tuple[Floats, Floats]:
        """Score one window per stream.

        Args:
            samples: Context and window, shape (streams, 576), in [-1, 1]; at most `at_once`
                streams.
            memories: The streams' states, shape (streams, 256).

        Returns:
            The probabilities of speech, shape (streams,), and the new states.
        """
        # What `ThreadpoolController.limit` does, without asking every library about itself.
        before = [library.get_num_threads() for library in self._blas]
        try:
            for library in self._blas:
                library.set_num_threads(1)
            return self._score(samples, memories)
        finally:
            for library, threads in zip(self._blas, before, strict=True):
                library.set_num_threads(threads)

    def _score(self, samples: Floats, memories: Floats) -> tuple[Floats, Floats]:
        streams = len(samples)
        rows = max(streams, FEWEST)
        self._samples[:streams, :INPUT_SAMPLES] = samples
        self._recurrent[:streams, _STATE:] = memories[:, :_STATE]
        self._cells[:streams] = memories[:, _STATE:]
        self._encode(rows)
        product, bias = self._gates
        gates = np.dot(self._recurrent[:rows], product)
        gates += bias
        np.tanh(gates, out=gates)
        gates[:, :384] *= np.float32(0.5)
        gates[:, :384] += np.float32(0.5)
        let_in, keep, show, new = (gates[:, at : at + _STATE] for at in range(0, 512, _STATE))
        after = np.empty((rows, MEMORY), np.float32)
        output, cells = after[:, :_STATE], after[:, _STATE:]
        np.multiply(keep, self._cells[:rows], out=cells)
        let_in *= new
        cells += let_in
        np.tanh(cells, out=output)
        output *= show
        heard = np.maximum(output, 0)
        heard *= self._verdict
        # Not a matrix product: BLAS sums a column in another order when there are more rows.
        logits = heard.sum(axis=1) + self._verdict_bias
        probabilities = 1 / (1 + np.exp(-logits))
        return probabilities[:streams], after[:streams]

    def _encode(self, rows: int) -> None:
        """Encode each row's samples into the first half of its recurrent input."""
        self._samples[:rows, INPUT_SAMPLES:] = self._samples[:rows, _MIRRORED]
        spectrum = np.dot(self._frames[:rows].reshape(-1, _FRAME), self._basis)
        spectrum *= spectrum
        power = spectrum[:, :_BANDS] + spectrum[:, _BANDS:]
        np.sqrt(power.reshape(rows, _FRAMES, _BANDS), out=self._spectrum[:rows, 1:-1])
        first = self._layer(0, self._spectrum_windows[:rows])
        self._first[:rows, 1:-1] = first.reshape(rows, _FRAMES, 128)
        second = self._layer(1, self._first_windows[:rows])
        third = self._layer(2, second)
        self._recurrent[:rows, :_STATE] = self._layer(3, third)

    def _layer(self, layer: int, inputs: Floats) -> Floats:
        product, bias = self._layers[layer]
        outputs: Floats = np.dot(inputs.reshape(-1, len(product)), product)
        outputs += bias
        return np.maximum(outputs, 0, out=outputs)

    def _results_are_independent(self) -> bool:
        """Return whether a stream's result is the same in every row and batch size."""
        chance = np.random.default_rng(0)
        samples = chance.normal(0, 0.1, (ROWS, INPUT_SAMPLES)).astype(np.float32)
        memories = chance.normal(0, 0.3, (ROWS, MEMORY)).astype(np.float32)
        expected = self.run(samples, memories)
        for first in range(1, ROWS):
            found = self.run(samples[first:], memories[first:])
            if not all(map(np.array_equal, found, (part[first:] for part in expected))):
                return False
        return True


def _windows(array: Floats, count: int, length: int, step: int) -> Floats:
    """View each row of an array as `count` overlapping stretches.

    Args:
        array: Shape (rows, …), C-contiguous.
        count: Stretches per row.
        length: Numbers in a stretch.
        step: Numbers from the start of one to that of the next.
    """
    row, number = array.strides[0], array.itemsize
    return np.ndarray(
        (len(array), count, length), np.float32, array, 0, (row, step * number, number)
    )


def _as_product(weights: dict[str, Floats], layer: int) -> tuple[Floats, Floats]:
    """Return a convolution's weights as a matrix (tap and channel, output), and its bias."""
    kernel = weights[f"encoder.{layer}.reparam_conv.weight"]
    product = np.ascontiguousarray(kernel.transpose(2, 1, 0).reshape(-1, len(kernel)))
    return product, weights[f"encoder.{layer}.reparam_conv.bias"]


def _weights() -> dict[str, Floats]:
    """Return the weights of the network for 16 kHz, by their names in PyTorch."""
    model = onnx.load(str(files("pipecat.audio.vad.data").joinpath("silero_vad.onnx")))
    (choice,) = (node for node in model.graph.node if node.op_type == "If")
    (network,) = (branch.g for branch in choice.attribute if branch.name == "then_branch")
    found = {
        node.output[0].rpartition("__")[2]: onnx.numpy_helper.to_array(node.attribute[0].t)
        for node in network.node
        if node.op_type == "Constant"
    }
    if {name: found[name].shape for name in _SHAPES if name in found} != _SHAPES:
        raise RuntimeError(
            "The Silero model in the installed pipecat-ai is not the one that this server knows: "
            f"{reinstall()}."
        )
    return {name: found[name] for name in _SHAPES}


_SHAPES = {
    "stft.forward_basis_buffer": (258, 1, 256),
    "encoder.0.reparam_conv.weight": (128, 129, 3),
    "encoder.0.reparam_conv.bias": (128,),
    "encoder.1.reparam_conv.weight": (64, 128, 3),
    "encoder.1.reparam_conv.bias": (64,),
    "encoder.2.reparam_conv.weight": (64, 64, 3),
    "encoder.2.reparam_conv.bias": (64,),
    "encoder.3.reparam_conv.weight": (128, 64, 3),
    "encoder.3.reparam_conv.bias": (128,),
    "decoder.rnn.weight_ih": (512, 128),
    "decoder.rnn.weight_hh": (512, 128),
    "decoder.rnn.bias_ih": (512,),
    "decoder.rnn.bias_hh": (512,),
    "decoder.decoder.2.weight": (1, 128, 1),
    "decoder.decoder.2.bias": (1,),
}
