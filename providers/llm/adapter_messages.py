"""What Pipecat's adapters, which write messages in a vendor's own form, leave to us.

Anthropic, Amazon and Google refuse a conversation that the user does not begin.
"""

from __future__ import annotations

from collections.abc import Sequence

from providers.llm.alternating_messages import Message
from session.ports import SILENCE


def adapter_messages(messages: Sequence[Message]) -> list[Message]:
    """Return messages that an adapter makes a valid conversation of.

    Args:
        messages: As in `ResponseRequest.messages`.
    """
    written = list(messages)
    leading = next((n for n, one in enumerate(messages) if one["role"] != "system"), len(messages))
    if leading == len(messages) or messages[leading]["role"] != "user":
        written.insert(leading, {"role": "user", "content": SILENCE})
    return written
