"""Keeps libraries from reporting to their makers: nothing leaves this machine unasked.

ONNX Runtime, which scores every window of audio, sends events about its use to Microsoft from
version 1.29 on, unless it is told not to before it is imported. Where `CI` is set it is silent by
itself, so no test there would notice. `settings/__init__.py` comes before every other import of
ours, in all programs and in the processes that they start. SECURITY.md has what each library would
tell, and to whom.
"""

from __future__ import annotations

import os

SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",
    # Hugging Face's library, which fetches models, would tell it which programs do, fetch a list
    # of them once a day, and report how fast downloads are.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    # Where `server.tracing` is on, Anthropic's library would send the ids of our traces with each
    # request; Pipecat's own span of it is enough.
    "ANTHROPIC_OPEN_TELEMETRY": "false",
    "ANTHROPIC_OPEN_TELEMETRY_PROPAGATION": "false",
}
"""Environment variables that switch reports off."""


def silence() -> None:
    """Set the switches, unless the user has set them to something else."""
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)
    if os.environ.get("HF_ENDPOINT"):
        # Its library would fetch large files from Xet, past the mirror that the user named.
        os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
