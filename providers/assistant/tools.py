"""Which of an app's tools the built-in assistant calls, and how it speaks what they return.

A tool is called when the user says the words of its name, so that an app developer can trigger
any tool by voice without a model that understands the request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from providers.assistant.arguments import fill_arguments
from providers.assistant.words import Utterance, Word, name_words, text_of, vocabulary

# Verbs that say nothing about what a tool is about, and words that carry no meaning.
_VERBS = vocabulary(
    "get set fetch do call run find search create make add update delete remove show list read "
    "write send give tell look lookup check query use start stop turn put take open close play "
    "generate request retrieve load save post ask execute invoke perform handle"
)
_STOP_WORDS = vocabulary(
    "a an the of for in on off at to by from with and or is my me your up new current latest info "
    "information data details tool function api"
)
# What recognisers write for the word a tool is often named by.
_MISHEARD: Mapping[str, str] = {"whether": "weather"}
_JOINING = frozenset({"and", "then", "also"})
_MAX_SPOKEN_DEPTH = 4
_MAX_SPOKEN_WORDS = 120


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a function tool."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Tool:
    name: str
    words: tuple[str, ...]
    schema: Any


def forces_call(tool_choice: Any) -> bool:
    """Return whether `tool_choice` demands a call, whatever the user said."""
    return tool_choice == "required" or _chosen_name(tool_choice) is not None


def choose_calls(
    text: str, tools: Sequence[Any], tool_choice: Any, now: datetime
) -> tuple[ToolCall, ...]:
    """Return the calls that the user's `text` asks for, or that `tool_choice` demands.

    Args:
        text: What the user said last.
        tools: Function tools in Realtime form; others are left alone.
        tool_choice: `auto`, `none`, `required` or `{"type": "function", "name": …}`.
        now: Current time, for arguments that are dates.
    """
    offered = _read_tools(tools)
    if tool_choice == "none" or not offered:
        return ()
    chosen = _chosen_name(tool_choice)
    if chosen is not None:
        offered = [tool for tool in offered if tool.name == chosen]
        return tuple(_call(tool, text, now) for tool in offered[:1])
    calls: list[ToolCall] = []
    for tool, clause in _named_by_clause(text, offered):
        call = _call(tool, clause, now)
        if call not in calls:
            calls.append(call)
    if not calls and tool_choice == "required":
        nearest = max(offered, key=lambda tool: _overlap(tool, Utterance(text)))
        calls.append(_call(nearest, text, now))
    return tuple(calls)


def spoken_name(name: str) -> str:
    """Return a tool's name as it is spoken: get_weather → get weather."""
    return " ".join(name_words(name)) or "the tool"


def speak_result(name: str, content: Any, chinese: bool = False) -> str:
    """Return a sentence that says what the tool `name` returned.

    Args:
        name: Name of the tool, as it was called.
        content: Content of the tool message: text, often JSON.
        chinese: Speak Chinese instead of English.
    """
    text = text_of(content).strip()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    tool = spoken_name(name)
    error = value.get("error") if isinstance(value, dict) and len(value) == 1 else None
    if error is not None:
        template = "{tool} 出错了：{said}" if chinese else "The tool {tool} failed: {said}"
    elif value in ("", None):
        return f"{tool} 已完成。" if chinese else f"The tool {tool} is done."
    else:
        template = "{tool} 的结果是：{said}" if chinese else "The result of {tool} is: {said}"
    said = _speak(value if error is None else error, chinese)
    words = said.split()
    if len(words) > _MAX_SPOKEN_WORDS:
        said = " ".join(words[:_MAX_SPOKEN_WORDS]) + ", and so on"
    sentence = template.format(tool=tool, said=said)
    if sentence.endswith((".", "!", "?", "。")):
        return sentence
    return sentence + ("。" if chinese else ".")


def _chosen_name(tool_choice: Any) -> str | None:
    if not isinstance(tool_choice, Mapping):
        return None
    function = tool_choice.get("function")
    name = tool_choice.get("name", function.get("name") if isinstance(function, Mapping) else None)
    return name if isinstance(name, str) else None


def _read_tools(tools: Iterable[Any]) -> list[_Tool]:
    found = []
    for tool in tools:
        if not isinstance(tool, Mapping) or tool.get("type", "function") != "function":
            continue
        name = tool.get("name")
        if isinstance(name, str) and name:
            found.append(_Tool(name, tuple(name_words(name)), tool.get("parameters")))
    return found


def _call(tool: _Tool, text: str, now: datetime) -> ToolCall:
    return ToolCall(tool.name, fill_arguments(tool.schema, text, tool.words, now))


def _named_by_clause(text: str, tools: Sequence[_Tool]) -> list[tuple[_Tool, str]]:
    """Return each tool named in `text`, with the clause that names it."""
    named = [(_named(Utterance(clause), tools), clause) for clause in _clauses(text)]
    found = [(tool, clause) for tool, clause in named if tool is not None]
    if len(found) > 1:
        return found
    # With one tool or none the clauses mean nothing: "terms and conditions" may be one name.
    whole = _named(Utterance(text), tools)
    return [] if whole is None else [(whole, text)]


def _clauses(text: str) -> list[str]:
    cuts = [token.start for token in Utterance(text).tokens if token.norm in _JOINING]
    edges = [0, *cuts, len(text)]
    return [text[start:end] for start, end in pairwise(edges) if start < end]


def _named(heard: Utterance, tools: Sequence[_Tool]) -> _Tool | None:
    """Return the tool with the most words said, if all its significant words were."""
    said = _forms(heard.tokens)
    best: _Tool | None = None
    best_score = (0, 0)
    for tool in tools:
        meaning = [w for w in tool.words if w not in _VERBS and w not in _STOP_WORDS] or tool.words
        matched = sum(_said(word, said) for word in meaning)
        joined = "".join(meaning) in said
        score = (len(meaning), sum(_said(word, said) for word in tool.words))
        if meaning and (matched == len(meaning) or joined) and score > best_score:
            best, best_score = tool, score
    if best is None:
        # A name in another script has no words to find, only itself.
        foreign = (tool for tool in tools if not tool.name.isascii())
        best = next((tool for tool in foreign if tool.name in heard.text), None)
    return best


def _overlap(tool: _Tool, heard: Utterance) -> int:
    said = _forms(heard.tokens)
    return sum(_said(word, said) for word in tool.words if word not in _STOP_WORDS)


def _forms(tokens: Sequence[Word]) -> frozenset[str]:
    """Return the words said, and neighbours as one word: "light bulb" may name `lightbulb`."""
    words = [_MISHEARD.get(token.norm, token.norm) for token in tokens]
    pairs = (first + second for first, second in pairwise(words))
    return frozenset(words) | frozenset(pairs)


def _said(word: str, said: frozenset[str]) -> bool:
    """Return whether `word` was said, in singular or plural."""
    if word in said or word + "s" in said:
        return True
    return len(word) > 4 and word.endswith("s") and word[:-1] in said


def _speak(value: Any, chinese: bool, depth: int = 0) -> str:
    """Render a JSON value as speech: key value pairs, lists with commas."""
    if isinstance(value, bool):
        return ("是" if value else "否") if chinese else ("yes" if value else "no")
    if value is None:
        return "无" if chinese else "nothing"
    if not isinstance(value, dict | list):
        return re.sub(r"\s+", " ", str(value)).strip()
    if depth >= _MAX_SPOKEN_DEPTH:
        return "更多内容" if chinese else "more"
    if isinstance(value, dict):
        is_ = "是" if chinese else "is"
        parts = [
            f"{key} {is_} {_speak(part, chinese, depth + 1)}" for key, part in _pairs(value, depth)
        ]
    else:
        parts = [_speak(part, chinese, depth + 1) for part in value]
    return ("，" if chinese else ", ").join(parts) or ("空" if chinese else "empty")


def _pairs(value: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    """Yield keys as they are spoken; those of an object inside carry its key: wind speed."""
    for key, part in value.items():
        spoken = " ".join(name_words(key)) or key
        if isinstance(part, dict) and part and depth < _MAX_SPOKEN_DEPTH:
            yield from ((f"{spoken} {inner}", p) for inner, p in _pairs(part, depth + 1))
        else:
            yield spoken, part
