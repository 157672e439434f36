"""Whether words sound finished: a hanging "for" or 和 says that the user goes on (§C.4).

Looks at the last words of a transcript, in English and Chinese; what it does not know counts as
finished, and the sound of the pause decides. It need not be right about grammar, only about which
pauses are worth a longer wait.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache


class Ending(Enum):
    """How a transcript ends."""

    FINISHED = "finished"
    """With nothing that asks for more."""
    UNSURE = "unsure"
    """With a word that may be the last one, but seldom is."""
    HANGING = "hanging"
    """With a word that is never the last one, or with a filler."""
    RECITED = "recited"
    """With digits or letters that are read out one by one; more of them may come."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ALWAYS = _set(
    # Articles and possessives, conjunctions, fillers.
    "a an the my your our their its every and or but nor because although though unless until if "
    "when while whereas since whether than as um uh uhm erm er hmm i'm you're we're they're he's "
    "she's it's i'd i'll you'll we'll he'll she'll they'll i've we've you've they've gonna wanna "
    "gotta lemme into onto upon via per without between among during towards toward called named "
    "which whose i we they he she who's what's where's there's let's"
)
_FRONT = _set(
    "for from to with at of in on about by like under after before near around behind "
    "against inside across through along"
)
"""They stand before what they belong to, but questions and short phrases may end with them."""
_STRANDED_AFTER = _set(
    "you it that this he she they we i them him her us one looking waiting talking thinking come "
    "coming go going live living work is are was were want need talk made good turn turned put "
    "get getting look looks sound sounds feel what who where interested"
)
"""Behind these, such a word may be the last one: "What is it about?", "turn it on"."""
_AUXILIARY = _set(
    "is are was were am be been do does did has have had will would can could shall should may "
    "might must cannot"
)
_ANSWERS = _set("i you he she it we they that this there yes no yeah not")
"""Before an auxiliary they make a short answer: "Yes, it is"."""
_ADJECTIVES = _set(
    "last next first second third same other another new old best whole little big few only very "
    "really quite more most less favourite favorite any some each these those his"
)
_OPENERS = _set("so well also then actually basically maybe perhaps however please")
"""With what follows them they begin a sentence; alone, or at the end, they may be all."""
_HEDGES = _set("maybe perhaps actually basically probably")
"""Behind words that leave a sentence open they go on with it: "I think that maybe"."""
_LEAVE_OPEN = _set(
    "that anything something someone somebody want need think said told says tell wanted needed"
)
_SHORT = 3
"""Words of a short answer, which may end with an auxiliary or a "that"."""

_DIGITS = _set("zero oh one two three four five six seven eight nine double triple")
_YEAR = re.compile(r"(19|20)\d\d")
_TIME = re.compile(r"\d{1,2}:\d\d")
_RECITED_DIGITS, _RECITED_APART = 3, 2
"""Digits that are more than a number, and how many are enough where they stand apart."""

_HANGING_CHINESE = re.compile(
    r"(和|跟|与|以及|或|或者|还有|但|但是|可是|不过|因为|所以|如果|要是|然后|而且|虽然|就是|比如|"
    r"把|被|给我的|关于|对于|为了|我想|我想要|我要|我的|你的|他的|这个|那个|一个|一张|一些|嗯|呃|额|"
    r"从|向|往|让|叫做)$"
)
_HANGING_DE = re.compile(r"的$")
_FINISHED_DE = re.compile(r"((是|会|挺|蛮|很|真|有|好|对|行|可以).{0,8}的|谁的|目的)$")
_UNSURE_CHINESE = re.compile(r"(?<=.)(在|是|到|给|跟着|需要|觉得|认为|说)$")
_SETTLED_CHINESE = re.compile(r"(不是|还是|收到|看到|听到|找到|不在|也是|就是了|再说)$")
_RECITED_CHINESE = re.compile(r"[零〇一二三四五六七八九幺]{3,}$")
_CHINESE = re.compile(r"[\u3400-\u9fff]$")
_NO_WORD = re.compile(r"[^\w'’]+")


@lru_cache(maxsize=256)
def ending_of(text: str) -> Ending | None:
    """Return how a transcript ends; None: it has no words.

    Args:
        text: The transcript of a turn so far, with or without punctuation.
    """
    plain = text.strip().rstrip(" \t\n.,!?;:…-–—。，！？；：、~\"'”’)")
    if not any(char.isalnum() for char in plain):
        return None
    # Recognisers write these where the voice stays up.
    trails_off = text.rstrip().endswith(("...", "…", "-", "—", "–", ",", "，", "、", "——"))
    ending = _chinese(plain) if _CHINESE.search(plain) else _words(plain)
    return Ending.UNSURE if trails_off and ending is Ending.FINISHED else ending


def _chinese(text: str) -> Ending:
    if _RECITED_CHINESE.search(text):
        return Ending.RECITED
    if _HANGING_CHINESE.search(text):
        return Ending.HANGING
    if _HANGING_DE.search(text):
        return Ending.FINISHED if _FINISHED_DE.search(text) else Ending.HANGING
    if _UNSURE_CHINESE.search(text) and not _SETTLED_CHINESE.search(text):
        return Ending.UNSURE
    return Ending.FINISHED


def _words(text: str) -> Ending:
    told = _TIME.sub(" o'clock ", text.lower().replace("’", "'"))
    words = [word for word in _NO_WORD.split(told) if word]
    if _is_recited(words):
        return Ending.RECITED
    last = words[-1]
    before = words[-2] if len(words) > 1 else ""
    short = len(words) <= _SHORT
    if last in _ALWAYS:
        return Ending.HANGING
    if last in _FRONT:
        return Ending.UNSURE if before in _STRANDED_AFTER else Ending.HANGING
    if last in _AUXILIARY:
        answers = short and (before in _ANSWERS or not before)
        return Ending.FINISHED if answers else Ending.HANGING
    if last in _ADJECTIVES:
        return Ending.FINISHED if not before else Ending.UNSURE
    if last in _LEAVE_OPEN:
        return Ending.FINISHED if short else Ending.UNSURE
    if last in _HEDGES and before in _ALWAYS | _LEAVE_OPEN:
        return Ending.UNSURE
    if last in _OPENERS and (not before or last not in ("please", "then", "actually", "maybe")):
        return Ending.FINISHED if last in ("maybe", "perhaps", "please") else Ending.HANGING
    return Ending.FINISHED


def _is_recited(words: list[str]) -> bool:
    """Return whether the last words are digits or letters, one by one."""
    digits = apart = 0
    for word in reversed(words):
        if word.isdigit() and word.isascii():
            digits += 0 if _YEAR.fullmatch(word) and not digits else len(word)
            apart += len(word) == 1
        elif word in _DIGITS or (len(word) == 1 and word.isalpha()):
            digits += word in _DIGITS
            apart += 1
        else:
            break
    if words[-2:] in (["p", "m"], ["a", "m"]):
        return False
    return digits >= _RECITED_DIGITS or apart >= _RECITED_APART
