"""Gives the model what is written about the user's question, for that one answer.

    REALTIME_PROCESSORS__BEFORE_MODEL=examples.retrieved_text:RetrievedText python main.py

A Pipecat processor before the model. The notes stand for your documents, and the words that they
share with the question for your search: an index, a database, a service. What is added is read by
the model alone; the conversation stays as it is, and the next question brings its own notes.
"""

from __future__ import annotations

import re

from pipecat.frames.frames import Frame, LLMContextFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

NOTES = (
    "The workshop opens on weekdays from nine to six and is closed on weekends.",
    "A repair of a bicycle takes two days and costs 40 euros, parts not included.",
    "Rented bicycles have to be returned by seven in the evening.",
)
_USUAL = {"a", "and", "are", "do", "does", "have", "i", "in", "is", "it", "of", "the", "to", "you"}


def search(question: str) -> list[str]:
    """Return the notes that share words with the question, the likeliest first."""
    wanted = _words(question)
    found = [(len(wanted & _words(note)), note) for note in NOTES]
    return [note for count, note in sorted(found, reverse=True) if count][:2]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower())) - _USUAL


class RetrievedText(FrameProcessor):
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame):
            _add_notes(frame.context)
        await self.push_frame(frame, direction)


def _add_notes(context: LLMContext) -> None:
    messages = context.get_messages()
    asked = [n for n, message in enumerate(messages) if message["role"] == "user"]
    if not asked or not isinstance(question := messages[asked[-1]]["content"], str):
        return
    if notes := search(question):
        # Within the question: some models take a system message only at the beginning.
        note = "\n".join(("(From our notes:", *notes, "Answer by them.)"))
        messages[asked[-1]] = {"role": "user", "content": f"{note}\n\n{question}"}
        context.set_messages(messages)
