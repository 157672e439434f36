"""Builds the recognisers and voices of sherpa-onnx, here or, for a trial, in another process.

sherpa-onnx ends the process that loads a model which it does not like, with a line on stderr. So a
model that is new here is tried first in a process that may end: this file is its program. It
imports nothing of this project, so that a trial starts quickly.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import sherpa_onnx

SAMPLE_RATE = 16000
"""Hz that recognisers get."""
_TRIAL_S = 300
"""Seconds after which a model that is still loading is taken to hang."""
_TRIED = "tried"
"""What a trial prints at its end: the process may also end early with status 0."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to build one: plain values, as they go to another process."""

    kind: str
    """`offline` or `online`, a recogniser that hears whole turns or one that hears on; or `tts`."""
    factory: str
    """Recogniser: its class method; voice: the kind of model."""
    arguments: Mapping[str, Any]
    """Recogniser: of the class method; voice: of the model."""
    around: Mapping[str, Any] = field(default_factory=dict)
    """Voice: `num_threads` and `provider`, `rule_fsts`."""

    def build(self) -> Any:
        """Load the model; returns an `OfflineRecognizer`, `OnlineRecognizer` or `OfflineTts`.

        Raises:
            RuntimeError: A file is damaged. For other faults, sherpa-onnx ends the process.
        """
        if self.kind == "tts":
            model_class = getattr(sherpa_onnx, f"OfflineTts{self.factory.title()}ModelConfig")
            around = dict(self.around)
            rules = around.pop("rule_fsts", "")
            model = sherpa_onnx.OfflineTtsModelConfig(
                **{self.factory: model_class(**self.arguments)}, **around
            )
            return sherpa_onnx.OfflineTts(sherpa_onnx.OfflineTtsConfig(model, rule_fsts=rules))
        offline = self.kind == "offline"
        owner = sherpa_onnx.OfflineRecognizer if offline else sherpa_onnx.OnlineRecognizer
        return getattr(owner, self.factory)(**self.arguments)

    def warm_up(self, engine: Any) -> None:
        """Use it once: the first use of a network takes longer than the others."""
        if self.kind == "tts":
            engine.generate("1, 2, 3.")
            return
        stream = engine.create_stream()
        stream.accept_waveform(SAMPLE_RATE, [0.0] * SAMPLE_RATE)
        if self.kind == "online":
            stream.input_finished()
            while engine.is_ready(stream):
                engine.decode_stream(stream)
        else:
            engine.decode_stream(stream)

    def try_out(self) -> str | None:
        """Build and use it in a process of its own; returns what is wrong, None: nothing is."""
        program = [sys.executable, str(Path(__file__))]
        try:
            done = subprocess.run(
                program,
                input=json.dumps(asdict(self)),
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=_TRIAL_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"it was not loaded within {_TRIAL_S} s"
        if done.returncode == 0 and done.stdout.endswith(_TRIED):
            return None
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        # The library puts its source's name before its words.
        reason = lines[-1].rpartition("csrc/")[2] if lines else ""
        return reason or f"the process that tried it ended with status {done.returncode}"


def has_cuda() -> bool:
    """Return whether the installed sherpa-onnx can use a GPU; that of PyPI cannot."""
    libraries = Path(sherpa_onnx.__file__).parent / "lib"
    return any(libraries.glob("*onnxruntime_providers_cuda*"))


if __name__ == "__main__":
    recipe = Recipe(**json.load(sys.stdin))
    recipe.warm_up(recipe.build())
    print(end=_TRIED)
