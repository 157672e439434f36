"""faster-whisper's model as turns need it: with hot words, and log probabilities token by token.

Of probabilities, faster-whisper tells the mean over a segment, or over a word together with
timestamps, and these change where it goes on in longer audio. For them it asks the decoder how
probable each token is, given the audio and the tokens before it. Here it is asked the same, and
nothing else changes.
"""

from __future__ import annotations

import math
import sys
from typing import Any

from faster_whisper import WhisperModel
from faster_whisper.transcribe import Segment

from session.ports import TokenLogprob

HOT_TOKENS = 100
"""Longest hot words, in tokens."""


class TurnModel(WhisperModel):  # type: ignore[misc]  # faster-whisper has no types.
    """A model whose hot words leave the decoder room for the transcript."""

    def get_prompt(
        self,
        tokenizer: Any,
        previous_tokens: list[int],
        without_timestamps: bool = False,
        prefix: str | None = None,
        hotwords: str | None = None,
    ) -> list[int]:
        """Return what stands before the transcript of a window.

        faster-whisper allows half of the decoder's length for hot words, and as much for the
        prompt or the window before; at the end of both there is no place left. Here they share it.
        """
        if hotwords:
            words = tokenizer.encode(f" {hotwords.strip()}")[:HOT_TOKENS]
            hotwords = tokenizer.decode(words)
            room = self.max_length // 2 - 1 - len(words)
            previous_tokens = previous_tokens[-room:]
        prompt: list[int] = super().get_prompt(
            tokenizer, previous_tokens, without_timestamps, prefix, hotwords
        )
        return prompt


class ScoredModel(TurnModel):
    """A model for the transcription of one turn, which keeps the tokens of the last window."""

    def __init__(self, loaded: WhisperModel) -> None:
        """Share the weights of a model that is loaded."""
        self.__dict__.update(vars(loaded))
        self._end = self.hf_tokenizer.token_to_id("<|endoftext|>")
        self._window: list[tuple[int, float]] = []

    def generate_with_fallback(
        self, encoder_output: Any, prompt: Any, tokenizer: Any, options: Any
    ) -> Any:
        """Decode the next window, of up to 30 s, and look up the probabilities of its tokens."""
        decoded = super().generate_with_fallback(encoder_output, prompt, tokenizer, options)
        said = self._text(decoded[0].sequences_ids[0])
        self._window = []
        if said:
            frames = self.feature_extractor.nb_max_frames
            (found,) = self.model.align(encoder_output, tokenizer.sot_sequence, [said], frames)
            self._window = list(zip(said, found.text_token_probs, strict=True))
        return decoded

    def logprobs(self, segment: Segment) -> tuple[TokenLogprob, ...]:
        """Return the log probabilities of the segment that was yielded last."""
        said = self._text(segment.tokens)
        tokens = [token for token, _ in self._window]
        # A window's segments come in order, and some of them are left out.
        start = next(at for at in range(len(tokens)) if tokens[at : at + len(said)] == said)
        scored = self._window[start : start + len(said)]
        self._window = self._window[start + len(said) :]
        return tuple(self._scored(token, probability) for token, probability in scored)

    def _text(self, tokens: list[int]) -> list[int]:
        # Timestamps and other marks are numbered behind the tokens of text.
        return [token for token in tokens if token < self._end]

    def _scored(self, token: int, probability: float) -> TokenLogprob:
        spelled = bytes(_BYTES[sign] for sign in self.hf_tokenizer.id_to_token(token))
        # Rounded down to 0, it would have no logarithm.
        logprob = math.log(max(probability, sys.float_info.min))
        return TokenLogprob(spelled.decode(errors="replace"), spelled, logprob)


def _byte_signs() -> dict[str, int]:
    """Return how the vocabulary spells bytes: sign → byte, as GPT-2's does."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(0x100) if byte not in shown]
    signs = {chr(byte): byte for byte in shown}
    return signs | {chr(0x100 + place): byte for place, byte in enumerate(hidden)}


_BYTES = _byte_signs()
