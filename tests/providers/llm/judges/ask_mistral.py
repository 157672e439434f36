"""A program: shows conversations, JSON on its input, to Mistral's own checks; answers in JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from mistral_common.exceptions import MistralCommonException
from mistral_common.protocol.instruct import validator
from mistral_common.protocol.instruct.request import ChatCompletionRequest


def verdict(version: str, messages: list[dict[str, Any]]) -> str | None:
    """Return why a request is refused; None: it is not."""
    check = getattr(validator, f"MistralRequestValidator{version}")
    request = ChatCompletionRequest.from_openai(messages, model="any")
    try:
        check(validator.ValidationMode.serving).validate_request(request)
    except MistralCommonException as refusal:
        return str(refusal)
    return None


conversations = json.load(sys.stdin)
answers = {name: [verdict(name, messages) for messages in conversations] for name in sys.argv[1:]}
json.dump(answers, sys.stdout)
