"""The built-in assistant: rules that answer where no language model is configured.

It exists so that a person can try the whole product without a key or a download, and so that an
app developer can exercise every path of the protocol: long answers to interrupt, function calls
and their results, text in several languages. Its functions are pure: the same conversation at
the same time always gets the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from providers.assistant import chinese, english, texts
from providers.assistant.conversation import Talk
from providers.assistant.tools import (
    ToolCall,
    choose_calls,
    forces_call,
    speak_result,
    spoken_name,
)
from providers.assistant.words import Utterance, is_chinese, unquote
from session.ports import SILENCE

__all__ = ["Answer", "ToolCall", "reply"]

# In instructions only an order counts, not "if asked, say that …" amid other sentences.
_TOLD_EXACTLY = re.compile(
    r"\b(?:say|repeat)\s+(?:this\s+|the\s+following\s+)?(?:exactly|verbatim)\b"
    + english.SEPARATOR
    + r"(?P<said>\S[^\n]*)",
    re.IGNORECASE,
)
_TOLD_TO_SAY = re.compile(
    r"(?:^|[.!?\n])[ \t]*(?:please\s+|now\s+|just\s+|only\s+)*say\b[\s:,]*"
    r"(?P<said>[\"“«「'][^\n]*|[^\n.!?]+[.!?]?)",
    re.IGNORECASE,
)
_TO_THE_USER = re.compile(r"\sto the (?:user|caller|customer)\b.*$", re.IGNORECASE | re.DOTALL)
_GREET_NAME = re.compile(r"\b[Gg]reet (?P<name>[A-Z][\w'’-]*)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the assistant does: says `text`, calls tools, or both."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()


def reply(
    messages: Sequence[Any],
    tools: Sequence[Any],
    tool_choice: Any,
    instructions: str,
    now: datetime,
) -> Answer:
    """Answer a conversation.

    A result of a tool is always spoken, even where `tool_choice` demands a call: a client that
    sets `required` for a session would otherwise get the same call for ever.

    Args:
        messages: The conversation in chat-completions form.
        tools: Function tools in Realtime form.
        tool_choice: `auto`, `none`, `required` or `{"type": "function", "name": …}`.
        instructions: Instructions of the session. They matter only where there is nothing to
            answer: "say exactly …", "say …" and "greet …" are followed.
        now: Current time.
    """
    talk = Talk(messages)
    heard = talk.heard or ""
    if talk.results:
        return Answer(" ".join(_spoken_results(talk, talk.results)))
    if talk.waiting_for:
        names = " and ".join(spoken_name(name) for name in talk.waiting_for)
        return Answer(texts.STILL_WAITING.format(names=names))
    calls = choose_calls(heard, tools, tool_choice, now)
    if calls and forces_call(tool_choice):
        return Answer(tool_calls=calls)
    if not talk.unanswered:
        return Answer(_volunteer(talk, [*talk.notes, instructions]))
    if heard == SILENCE:
        return Answer(texts.STILL_THERE)
    utterance = Utterance(heard)
    if not utterance.intelligible:
        return Answer(texts.NOT_CAUGHT)
    in_chinese = is_chinese(heard)
    repeated = english.repeat(heard)
    if repeated is None and in_chinese:
        repeated = chinese.repeat(heard)
    if repeated is not None:
        return Answer(repeated)
    if calls:
        return Answer(tool_calls=calls)
    if in_chinese:
        return Answer(chinese.answer(heard, talk.earlier, now))
    return Answer(english.answer(utterance, talk, now))


def _spoken_results(talk: Talk, results: Sequence[tuple[str, Any]]) -> list[str]:
    in_chinese = is_chinese(talk.heard or "")
    return [speak_result(name, content, in_chinese) for name, content in results]


def _volunteer(talk: Talk, orders: Sequence[str]) -> str:
    """Speak when there is no user turn to answer.

    It speaks a tool result that came while the user was talking, what the instructions ask for, or
    a greeting. In the middle of a conversation the user's turn had no words, which the session
    leaves out: say that it was not understood.
    """
    late = _spoken_results(talk, talk.late_results)
    late = [said for said in late if not any(said in answer for answer in talk.answers)]
    if late:
        return " ".join(late)
    told = _told_to_say(orders)
    if told is not None:
        return told
    wishes = "\n".join(orders)
    if talk.heard is None and (not talk.answers or "greet" in wishes.lower()):
        return _greeting(wishes)
    return texts.ZH_NOT_CAUGHT if is_chinese(talk.heard or "") else texts.NOT_CAUGHT


def _told_to_say(orders: Sequence[str]) -> str | None:
    for order in orders:
        match = _TOLD_EXACTLY.search(order) or _TOLD_TO_SAY.search(order)
        if match:
            return unquote(_TO_THE_USER.sub("", match["said"]))
        if is_chinese(order) and (told := chinese.repeat(order)) is not None:
            return told
    return None


def _greeting(told: str) -> str:
    if is_chinese(told):
        return texts.ZH_GREETING
    for language, greeting in texts.GREETINGS_BY_LANGUAGE:
        if re.search(rf"\bin {language}\b", told, re.IGNORECASE):
            return greeting
    match = _GREET_NAME.search(told)
    return texts.GREETING if match is None else f"Hello {match['name']}! How can I help you?"
