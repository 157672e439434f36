"""What an upstream is sent and what it answers, as data (`docs/wire.md`, §A and §B).

Each response is asked for outside the service's conversation, and brings along all that the model
is to read: so what our conversation is, with what was truncated, deleted or left out of it, is what
the model reads. Only audio is not sent again: it stands in the service's conversation.
"""

from __future__ import annotations

from collections.abc import Mapping

from providers.links.link import Event
from providers.links.transcription import LOGPROBS, PCM
from session.ports import MediaTokens, ResponseRequest, TokenUsage

MARK = "response_id"
"""Key in the metadata of a response: our own id of it, which the service repeats."""


def session_update(event_id: str) -> Event:
    """Configure the service's session: our session decides the turns, and cleans the audio.

    How turns are transcribed is asked for apart from it: a service that refuses that alone can
    still answer.
    """
    heard = {
        "format": PCM,
        "turn_detection": None,
        "noise_reduction": None,
    }
    session = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {"input": heard, "output": {"format": PCM}},
    }
    return {"type": "session.update", "event_id": event_id, "session": session}


def transcription_update(transcription: Event, event_id: str) -> Event:
    """Change how turns are transcribed from here on."""
    session = {"type": "realtime", "audio": {"input": {"transcription": transcription}}}
    return {"type": "session.update", "event_id": event_id, "session": session}


def include_update(logprobs: bool, event_id: str) -> Event:
    """Ask for log probabilities of transcripts from here on, or for none (§C.5).

    Many models have none, and refuse to be asked: so it is asked apart from all else.
    """
    session = {"type": "realtime", "include": [LOGPROBS] if logprobs else []}
    return {"type": "session.update", "event_id": event_id, "session": session}


def response_create(
    request: ResponseRequest,
    references: Mapping[str, str],
    inline: Mapping[str, str],
    event_id: str,
) -> Event:
    """Ask for a response outside the service's conversation (§A.9).

    Args:
        request: What to generate.
        references: Our id of an item with audio → the service's id, where the service has it.
        inline: Our id of an item with audio → the audio in base64, where it has not.
        event_id: Our id of the event, for errors.
    """
    response: Event = {
        "conversation": "none",
        "metadata": {MARK: request.response_id},
        "input": input_items(request.messages, references, inline),
        "instructions": request.instructions,
        "tools": request.tools,
        "tool_choice": request.tool_choice,
        "output_modalities": ["audio"] if request.spoken else ["text"],
        "max_output_tokens": request.max_output_tokens or "inf",
    }
    if request.spoken:
        response["audio"] = {"output": {"voice": request.voice, "format": PCM}}
    if request.reasoning_effort is not None:
        response["reasoning"] = {"effort": request.reasoning_effort}
    if request.parallel_tool_calls is not None:
        response["parallel_tool_calls"] = request.parallel_tool_calls
    return {"type": "response.create", "event_id": event_id, "response": response}


def input_items(
    messages: list[Event], references: Mapping[str, str], inline: Mapping[str, str]
) -> list[Event]:
    """Write the conversation, which is in chat-completions form, as Realtime items (§A.5)."""
    items: list[Event] = []
    for message in messages:
        match message:
            case {"role": "tool", "tool_call_id": call_id, "content": output}:
                items.append({"type": "function_call_output", "call_id": call_id, "output": output})
            case {"role": "assistant", "tool_calls": calls}:
                items += [
                    {"type": "function_call", "call_id": call["id"], **call["function"]}
                    for call in calls
                ]
            case {"role": "user", "content": list(parts)}:
                items += _user_items(parts, references, inline)
            case {"role": role, "content": text}:
                kind = "output_text" if role == "assistant" else "input_text"
                items.append(_message(role, [{"type": kind, "text": text}]))
    return items


def _user_items(
    parts: list[Event], references: Mapping[str, str], inline: Mapping[str, str]
) -> list[Event]:
    """Write a user's message; audio that the service has stands in an item of its own there."""
    items: list[Event] = []
    written: list[Event] = []
    for part in parts:
        match part:
            case {"type": "input_audio", "item_id": item_id} if item_id in references:
                if written:
                    items.append(_message("user", written))
                    written = []
                items.append({"type": "item_reference", "id": references[item_id]})
            case {"type": "input_audio", "item_id": item_id}:
                written.append({"type": "input_audio", "audio": inline[item_id]})
            case {"type": "image_url", "image_url": {"url": url, "detail": detail}}:
                written.append({"type": "input_image", "image_url": url, "detail": detail})
            case {"type": "text", "text": text}:
                written.append({"type": "input_text", "text": text})
    return [*items, _message("user", written)] if written else items


def _message(role: str, content: list[Event]) -> Event:
    return {"type": "message", "role": role, "content": content}


def usage_of(response: Event) -> TokenUsage | None:
    """Read the usage of a `response.done`; None: the service does not tell."""
    usage = response.get("usage")
    if not isinstance(usage, dict):
        return None
    given = _details(usage, "input_token_details")
    made = _details(usage, "output_token_details")
    cached = _details(given, "cached_tokens_details")
    audio_in, image_in = _count(given, "audio_tokens"), _count(given, "image_tokens")
    audio_out = _count(made, "audio_tokens")
    cached_audio, cached_image = _count(cached, "audio_tokens"), _count(cached, "image_tokens")
    return TokenUsage(
        # Sums hold also for servers that tell no details.
        input_tokens=max(0, _count(usage, "input_tokens") - audio_in - image_in),
        output_tokens=max(0, _count(usage, "output_tokens") - audio_out),
        cached_tokens=max(0, _count(given, "cached_tokens") - cached_audio - cached_image),
        media=MediaTokens(audio_in, image_in, audio_out, cached_audio, cached_image),
    )


def _details(of: Event, name: str) -> Event:
    found = of.get(name)
    return found if isinstance(found, dict) else {}


def _count(of: Event, name: str) -> int:
    found = of.get(name)
    return found if isinstance(found, int) else 0
