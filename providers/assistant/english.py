"""The built-in assistant's skills in English, and its greetings in a few other languages."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from providers.assistant import texts
from providers.assistant.conversation import Talk
from providers.assistant.sums import calculate, count
from providers.assistant.words import Utterance, title, unquote, vocabulary

_MAX_HEARD_WORDS = 40
_POLITE = (
    r"^\W*(?:(?:please|okay|ok|now|hey|and|then|well|can you|could you|would you|will you|just"
    r"|i want you to|i would like you to)[\s,]+)*"
)
SEPARATOR = r"(?:\s+(?:this|the following)(?:\s+\w+)?\s*:)?[\s:,;.…]*"
"""Pattern of the words between an order such as "say exactly" and the text to be said."""

# Orders to say something verbatim: they come before everything else, tools included.
_EXACTLY = re.compile(
    _POLITE + r"(?:(?:repeat|say)\s+(?:this\s+|it\s+)?after\s+me"
    r"|(?:say|repeat)\s+(?:this\s+|the\s+following\s+)?(?:exactly|verbatim|word\s+for\s+word)"
    r"|(?:say|repeat)\s+the\s+following(?:\s+(?:words?|sentence|text))?)\b"
    + SEPARATOR
    + r"(?P<said>\S.*)$",
    re.IGNORECASE | re.DOTALL,
)
_SAY = re.compile(_POLITE + r"(?:say|repeat)\b[\s:,]*(?P<said>\S.*)$", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(
    r"\b(?:my name(?:['’]?s| is)|call me|i am called|i['’]m called)\s+(?P<name>\S.*)$",
    re.IGNORECASE | re.DOTALL,
)
# "I am fine" names nobody; "I'm Anna." does, if written like a name and alone.
_I_AM = re.compile(r"\bI(?:['’]m| am) (?P<name>[A-Z][a-z]+)[.!]?\s*$")
_NO_NAME = vocabulary(
    "not a an the what so and but or is it i you my how who can could please from in on at to by "
    "nice hello hi good do does tell say now that this when where later back again thanks thank "
    "never important secret going sorry tomorrow today"
)
# "That was a nice story" asks for none.
_WISHES = vocabulary("tell read want hear another long give can could please know love make say")
_AGAIN = re.compile(
    r"(?:(?:it|that|this)(?: again| once more| one more time)?|again|once more|one more time)"
    r"(?: please)?"
)


def answer(heard: Utterance, talk: Talk, now: datetime) -> str:
    """Answer an utterance by the first skill that knows what to say."""
    for skill in _SKILLS:
        text = skill(heard, talk, now)
        if text is not None:
            return text
    return _fallback(heard)


def repeat(text: str) -> str | None:
    """Return what is to be repeated after "say exactly" or "repeat after me", else None."""
    match = _EXACTLY.search(text)
    return None if match is None else unquote(match["said"])


def _remember(heard: Utterance, talk: Talk, now: datetime) -> str | None:
    """Answer questions about what was said before, and by whom."""
    if heard.has("did i say", "did i just say", "what i said", "thing i said", "did i tell you"):
        if not talk.earlier:
            return "This is the first thing you have said to me."
        return f"Before that, you said: {_sentence(talk.earlier[-1])}"
    if heard.has("we talk about", "we talking about", "we talked about", "we discuss"):
        if not talk.earlier:
            return "We have only just begun to talk."
        return "So far, you said: " + "; ".join(_bare(text) for text in talk.earlier[-5:]) + "."
    match = _SAY.search(heard.text)
    said = " ".join(Utterance(match["said"]).words) if match else ""
    again = _AGAIN.fullmatch(said) is not None or (
        heard.says("repeat") and heard.only("can could you please repeat again")
    )
    if again or heard.has("did you say", "did you just say", "you just said"):
        if not talk.answers:
            return "I have not said anything yet."
        return talk.answers[-1] if again else f"I said: {_sentence(talk.answers[-1])}"
    return None


def _recall_name(heard: Utterance, talk: Talk, now: datetime) -> str | None:
    asked = ("what is", "know", "remember", "say", "tell me", "what was", "what")
    if not heard.has("who am i", "what am i called", *(f"{words} my name" for words in asked)):
        return None
    name = _known_name([*talk.earlier, heard.text])
    return "You have not told me your name yet." if name is None else f"Your name is {name}."


def _say(heard: Utterance, talk: Talk, now: datetime) -> str | None:
    match = _SAY.search(heard.text)
    if match is None:
        return None
    if heard.only("please say repeat something anything after me"):
        return texts.ABOUT if heard.says("say") else "What shall I repeat?"
    return unquote(match["said"])


def _entertain(heard: Utterance, talk: Talk, now: datetime) -> str | None:
    said = frozenset(heard.words)
    if len(heard) > 3 and not said & _WISHES:
        return None
    if said & {"story", "stories", "storey", "tale", "fairytale"}:
        return texts.STORY
    if said & {"joke", "jokes"} or heard.has("something funny", "make me laugh"):
        told = sum(answer.startswith(texts.JOKES) for answer in talk.answers)
        return texts.JOKES[told % len(texts.JOKES)]
    return None


def _clock(heard: Utterance, talk: Talk, now: datetime) -> str | None:
    """Tell the time, the date, or both."""
    said = frozenset(heard.words)
    asks = bool(said & {"what", "tell", "which"})
    parts = []
    if (
        (asks and "time" in said)
        or heard.has("time is it", "current time")
        or (heard.has("the time") and len(heard) <= 6)
    ):
        parts.append(f"It is {_time(now)}.")
    named = heard.has("date", "day is", "is today", "the day", "weekday", "day of the week")
    named = named or heard.has("what day", "what month", "what year", "which day", "the year")
    alone = heard.only("todays today date the is please") and "date" in said
    if alone or (named and (asks or "today" in said)):
        days = 1 if "tomorrow" in said else -1 if "yesterday" in said else 0
        name = {1: "Tomorrow is", -1: "Yesterday was"}.get(days, "Today is")
        parts.append(f"{name} {_date(now + timedelta(days=days))}.")
    return " ".join(parts) or None


def _hear_name(heard: Utterance, talk: Talk, now: datetime) -> str | None:
    name = _told_name(heard.text)
    return None if name is None else f"Nice to meet you, {name}."


def _small_talk(heard: Utterance, talk: Talk, now: datetime) -> str | None:
    for phrases in (*texts.SMALL_TALK, *texts.OTHER_LANGUAGES):
        if len(heard) <= phrases.at_most and heard.has(*phrases.said):
            name = _known_name(talk.earlier) if phrases.answer == texts.GREETING else None
            return phrases.answer if name is None else f"Hello {name}! How can I help you?"
    return None


_SKILLS: tuple[Callable[[Utterance, Talk, datetime], str | None], ...] = (
    _remember,
    _recall_name,
    _say,
    lambda heard, _talk, _now: calculate(heard),
    lambda heard, _talk, _now: count(heard),
    _entertain,
    _clock,
    _hear_name,
    _small_talk,
)
"""Skills in the order in which they are tried: the most specific first."""


def _fallback(heard: Utterance) -> str:
    words = heard.text.split()
    more = "…" if len(words) > _MAX_HEARD_WORDS else ""
    return texts.FALLBACK.format(heard=_sentence(" ".join(words[:_MAX_HEARD_WORDS]) + more))


def _known_name(said: Sequence[str]) -> str | None:
    names = (_told_name(text) for text in reversed(said))
    return next((name for name in names if name is not None), None)


def _told_name(text: str) -> str | None:
    """Return the name by which the user asks to be called."""
    match = _NAME.search(text) or _I_AM.search(text)
    if match is None:
        return None
    words: list[str] = []
    for word in re.split(r"\s+", match["name"])[:3]:
        bare = re.sub(r"[^\w'’-]", "", word)
        if not bare or bare[0].isdigit() or bare.lower() in _NO_NAME:
            break
        words.append(bare)
        if bare != word:  # punctuation ends the name
            break
    return title(" ".join(words)) or None


def _time(now: datetime) -> str:
    minutes = f":{now.minute:02d}" if now.minute else ""
    return f"{now.hour % 12 or 12}{minutes} {'AM' if now.hour < 12 else 'PM'}"


def _date(day: datetime) -> str:
    return f"{day:%A, %B} {day.day}, {day.year}"


def _bare(text: str) -> str:
    return text.strip().rstrip(".!?… ")


def _sentence(text: str) -> str:
    """Return `text` as a sentence that ends."""
    text = text.strip()
    return text if text.endswith((".", "!", "?", "…", "。")) else text + "."
