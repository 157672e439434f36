"""A model of onnxruntime's whose computing can be stopped in its middle.

A pass of a large model takes a second and more: for a user who interrupts, or a client that has
gone, it would be computed in vain, on the cores that the next one needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnxruntime

from providers.in_process.stopping import halted_by


class StoppableSession:
    """An `onnxruntime.InferenceSession`, as which it serves libraries that take one."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        """Wrap a session."""
        self._session = session

    def __getattr__(self, name: str) -> Any:
        """Return what the session has beyond `run`."""
        return getattr(self._session, name)

    def run(self, outputs: Sequence[str] | None, inputs: Any) -> Any:
        """Run the model; see onnxruntime, whose error says that it was stopped."""
        options = onnxruntime.RunOptions()

        def halt() -> None:
            options.terminate = True

        with halted_by(halt):
            return self._session.run(outputs, inputs, options)
