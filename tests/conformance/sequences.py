"""The sequences of §B, piece by piece as `Driver.named` shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from config import LLMConfig, VADConfig
from tests.support.session_driver import Driver, encoded, pcm, session_config
from tests.support.strict_reader import Event

PCM = {"type": "audio/pcm", "rate": 24000}
PLACE = {"response_id": "resp_1", "item_id": "item_2", "output_index": 0, "content_index": 0}
ZERO: dict[str, Any] = {
    "total_tokens": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "input_token_details": {
        "text_tokens": 0,
        "audio_tokens": 0,
        "image_tokens": 0,
        "cached_tokens": 0,
        "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 0, "audio_tokens": 0},
}
SPOKEN = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
]
AUDIO_CLOSE = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
]
END = ["response.done", "rate_limits.updated"]
COMMITTED = ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
TRANSCRIPTION = "conversation.item.input_audio_transcription"


def driver(**detection: Any) -> Driver:
    """A session with short instructions; turns are detected, as by default."""
    vad = VADConfig(silence_duration_ms=200)
    built = Driver(session_config(vad=vad, llm=LLMConfig(default_instructions="Be kind.")))
    if detection:
        built.turn_detection(**detection)
    return built


def response(status: str, **changed: Any) -> Event:
    """A response object, as `named` shows it."""
    return {
        "object": "realtime.response",
        "id": "resp_1",
        "status": status,
        "status_details": None,
        "output": [],
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": PCM, "voice": "alloy"}},
        "usage": None,
        "metadata": None,
        **changed,
    }


def messages(d: Driver) -> list[tuple[str, str]]:
    """What the model was given last: role and text."""
    return [(message["role"], message["content"]) for message in d.requests[-1].messages]


def usage(text_in: int = 0, text_out: int = 0, *, audio_in: int = 0, audio_out: int = 0) -> Event:
    """The usage of a response."""
    return {
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {
            **ZERO["input_token_details"],
            "text_tokens": text_in,
            "audio_tokens": audio_in,
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }


def created(**changed: Any) -> Event:
    """`response.created`."""
    return {"type": "response.created", "response": response("in_progress", **changed)}


def done(status: str, **changed: Any) -> list[Event]:
    """`response.done` and what follows it."""
    limit = {"name": "tokens", "limit": 15_000_000, "remaining": 15_000_000, "reset_seconds": 0.0}
    return [
        {"type": "response.done", "response": response(status, **changed)},
        {"type": "rate_limits.updated", "rate_limits": [limit]},
    ]


def user_text(item_id: str, text: str) -> Event:
    """A user's message item."""
    return {
        "id": item_id,
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
    }


def added(item: Event, previous: str | None) -> list[Event]:
    """An item that enters the conversation whole."""
    return [
        {"type": f"conversation.item.{step}", "previous_item_id": previous, "item": item}
        for step in ("added", "done")
    ]


def committed(item_id: str, previous: str | None) -> list[Event]:
    """A turn of audio that enters the conversation."""
    item = {**user_text(item_id, ""), "content": [{"type": "input_audio", "transcript": None}]}
    first = {"type": COMMITTED[0], "previous_item_id": previous, "item_id": item_id}
    return [first, *added(item, previous)]


def started(item_id: str, start_ms: int) -> Event:
    """`speech_started`."""
    kind = "input_audio_buffer.speech_started"
    return {"type": kind, "audio_start_ms": start_ms, "item_id": item_id}


def stopped(item_id: str, end_ms: int) -> Event:
    """`speech_stopped`."""
    kind = "input_audio_buffer.speech_stopped"
    return {"type": kind, "audio_end_ms": end_ms, "item_id": item_id}


def transcribed(item_id: str, text: str, seconds: float) -> list[Event]:
    """The transcript of a turn."""
    place = {"item_id": item_id, "content_index": 0}
    used = {"type": "duration", "seconds": seconds}
    return [
        {"type": f"{TRANSCRIPTION}.delta", **place, "delta": text},
        {"type": f"{TRANSCRIPTION}.completed", **place, "transcript": text, "usage": used},
    ]


@dataclass
class Output:
    """One item of a response, from `output_item.added` to `output_item.done`."""

    item_id: str
    previous: str | None
    response_id: str = "resp_1"
    index: int = 0
    in_conversation: bool = True

    def item(self, content: list[Event], status: str) -> Event:
        return {
            "id": self.item_id,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }

    def step(self, step: str, item: Event) -> list[Event]:
        """The item is added or done, in the response and in the conversation."""
        place = {"response_id": self.response_id, "output_index": self.index, "item": item}
        mine = {"type": f"response.output_item.{step}", **place}
        its = {
            "type": f"conversation.item.{step}",
            "previous_item_id": self.previous,
            "item": item,
        }
        if not self.in_conversation:
            return [mine]
        return [mine, its] if step == "added" else [its, mine]

    def event(self, kind: str, /, **fields: Any) -> Event:
        """An event of the part."""
        return {
            "type": f"response.{kind}",
            "response_id": self.response_id,
            "item_id": self.item_id,
            "output_index": self.index,
            "content_index": 0,
            **fields,
        }

    def _added(self, part: Event) -> list[Event]:
        item = self.item([], "in_progress")
        return [*self.step("added", item), self.event("content_part.added", part=part)]

    def spoken(self, text: str, status: str = "completed") -> Event:
        """The item, spoken."""
        return self.item([{"type": "output_audio", "transcript": text}], status)

    def speaks(self, *deltas: str | int) -> list[Event]:
        """The item opens; words and milliseconds of audio follow."""
        return [
            *self._added({"type": "audio", "transcript": ""}),
            *(
                self.event("output_audio_transcript.delta", delta=delta)
                if isinstance(delta, str)
                else self.event("output_audio.delta", delta=encoded(pcm(delta)))
                for delta in deltas
            ),
        ]

    def has_spoken(self, text: str, status: str = "completed") -> list[Event]:
        """The item is closed."""
        return [
            self.event("output_audio.done"),
            self.event("output_audio_transcript.done", transcript=text),
            self.event("content_part.done", part={"type": "audio", "transcript": text}),
            *self.step("done", self.spoken(text, status)),
        ]

    def written(self, text: str, status: str = "completed") -> Event:
        """The item, written."""
        return self.item([{"type": "output_text", "text": text}], status)

    def writes(self, *deltas: str) -> list[Event]:
        """The item opens; text follows."""
        return [
            *self._added({"type": "text", "text": ""}),
            *(self.event("output_text.delta", delta=delta) for delta in deltas),
        ]

    def has_written(self, text: str, status: str = "completed") -> list[Event]:
        """The item is closed."""
        return [
            self.event("output_text.done", text=text),
            self.event("content_part.done", part={"type": "text", "text": text}),
            *self.step("done", self.written(text, status)),
        ]
