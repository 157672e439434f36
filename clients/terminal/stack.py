"""Asks a server what answers in its sessions: this product tells, other services do not."""

from __future__ import annotations

from urllib.parse import quote

from openai import AsyncOpenAI, OpenAIError
from openai.types import Model

from clients.terminal.view import Stack

PATIENCE_S = 30.0
"""Seconds for the server to tell; until then, and if it does not, the model's name is shown."""


async def what_answers(sdk: AsyncOpenAI, model: str) -> Stack | None:
    """Look up what answers by the name of a model (`docs/wire.md` §D.7).

    Returns:
        The names of the stages; None if the server does not tell, whatever the reason.
    """
    if not model:
        return None
    try:
        found = await sdk.get(
            f"/models/{quote(model, safe='')}",
            cast_to=Model,
            options={"max_retries": 0, "timeout": PATIENCE_S},
        )
    except (OpenAIError, ValueError):  # ValueError: the answer is no JSON
        return None
    stages = getattr(found, "stack", None)
    if not isinstance(stages, dict):
        return None
    labels = [stages.get(kind) for kind in ("stt", "llm", "tts")]
    if not all(isinstance(label, str) and label for label in labels):
        return None
    return Stack(*map(str, labels))
