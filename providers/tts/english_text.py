"""Writes English text as a person would read it aloud: addresses, markup, abbreviations, sounds.

Models answer in Markdown, with web addresses and "e.g."; the neural voice spells these letter by
letter. What it reads right itself (numbers, dates, money, units, titles) is left as it is. This is
also where a text is cut: into sentences by the voice, and those into what it can say at once.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

MAX_WORDS = 40
"""Most words said in one go: time and memory grow with the length of what has no punctuation."""
_CLAUSE_WORDS = 12
"""A sentence is cut at a comma from here on, so that its first words need not wait for its last."""
_LEAST_REST = 3
"""Words that stay together with what comes before them."""

_DOMAINS = "com|org|net|edu|gov|io|dev|ai|app|info|uk|de|fr|es|it|nl|eu|cn|jp|kr|ca|au|ch|at"
_SUFFIXES = (
    "py|md|txt|js|ts|json|html?|css|csv|pdf|png|jpe?g|gif|svg|mp[34]|wav|zip|exe|sh|toml|ya?ml|ini"
    "|cfg|xml|docx?|xlsx?|pptx?|cpp|rs|go|java|onnx|gguf"
)
_WORDY_SUFFIXES = ("json", "toml", "java", "go", "onnx")
_LONGEST_PATH = 40
"""Characters of an address's path that anybody would read aloud."""

_TAG = re.compile(r"<!--.*?-->|</?[a-zA-Z][^<>]{0,200}>", re.S)
_LINK = re.compile(r"!?\[([^\]\[]*)\]\([^()\s]*\)")
_FENCE = re.compile(r"```\w*")
_HEADING = re.compile(r"^[ \t]*#{1,6}[ \t]+", re.M)
_BULLET = re.compile(r"^[ \t]*[-*•+][ \t]+", re.M)
_RULE = re.compile(r"^[ \t]*(?:[-*_=][ \t]?){3,}$", re.M)
_EMPHASIS = re.compile(r"(?<!\w)([*_])(?=\S)([^*_\n]+?)(?<=\S)\1(?!\w)")
_INVISIBLE = re.compile("[\u0000-\u0008\u000e-\u001f\u00ad\u200b-\u200f\u2060\ufe0f\ufeff]")
# Addresses are looked for where a run of their characters begins, and at no later place in it: from
# each place in turn a long run without an address would take time by the square of its length.
_EMAIL = re.compile(r"(?<![\w.+-])([\w.+-]+)@((?:[\w-]+\.)+[A-Za-z]{2,})\b")
_URL = re.compile(
    r"\b(?:(?:https?|ftp|wss?)://|www\.)[^\s<>\"”’)\]]+"
    rf"|\b(?<![\w-])(?<!\w\.)(?:[\w-]+\.){{1,126}}(?:{_DOMAINS})\b(?:/[^\s<>\"”’)\]]*)?(?![\w.]*@)"
)
_FILE = re.compile(rf"(?<=[\w\]])\.({_SUFFIXES})\b(?!\.\w)")
_DOTTED = re.compile(r"(?<![\d.,])(v?)(\d+(?:\.\d+){2,})(?![\d,])", re.I)
_PHONE = re.compile(r"(?<![\w.-])(\+?\d{1,3}[ -])?\((\d{3})\)[ -]?(\d{3})[ -](\d{4})(?![\w-])")
_PHONE_PLUS = re.compile(r"(?<![\w.])\+\d{1,3}(?:[ -]\d{2,5}){2,4}\b")
_ZEROS = re.compile(r"(?<![\w.,:/+-])0\d+(?![\w.,:/-]?\d)")
_LONG_NUMBER = re.compile(r"\d(?:,?\d){15,}")
"""Credit cards and the like; the voice has names for no more than 36 digits."""
_SOUND_LETTERS = re.compile(r"\b(h+m+|m+-?h+m+|m{2,}|sh{2,}|ugh|b+r{2,}|g+r{2,}|a+w{2,})\b", re.I)
_CLAUSE_END = tuple(",;:—–")
_BEFORE = frozenset(
    (
        "and",
        "or",
        "but",
        "nor",
        "so",
        "yet",
        "because",
        "although",
        "though",
        "while",
        "when",
        "where",
        "which",
        "that",
        "who",
        "whose",
        "if",
        "unless",
        "until",
        "before",
        "after",
        "since",
        "than",
        "as",
        "with",
        "without",
        "for",
        "to",
        "from",
        "in",
        "on",
        "at",
        "by",
        "of",
    )
)
"""Words that a speaker may breathe before."""

_ABBREVIATIONS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), spoken)
    for pattern, spoken in (
        (r"\bI\.\s?e\.(?:,)?", "That is,"),
        (r"\bi\.\s?e\.(?:,)?", "that is,"),
        (r"\bE\.\s?g\.(?:,)?", "For example,"),
        (r"\be\.\s?g\.(?:,)?", "for example,"),
        (r"\b[Cc]f\.", "compare"),
        (r"\ba\.k\.a\.", "also known as"),
        (r"\b[Aa]pprox\.", "approximately"),
        (r"\bNo\. ?(?=\d)", "number "),
        # The voice reads these as "number" and "figure", even at the end of "I said no."
        (r"\b(no|fig|ed)\.(?!\s*\d)", r"\1 ."),
        (r"\bpp\. ?(?=\d)", "pages "),
        (r"\bp\. ?(?=\d)", "page "),
        (r"\b([Ff])igs?\. ?(?=\d)", r"\1igure "),
        (r"\b24/7\b", "24 7"),
        (r"\b([A-Z])#", r"\1 sharp"),
        (r"(?<!\w)#(?=[A-Za-z])", "hashtag "),
        (r"(\d)\s*[*×]\s*(?=\d)", r"\1 times "),
        (r"(\d)\s+[-−]\s+(\d+)(?=\s*=)", r"\1 minus \2"),
        (r"(\d)\s*−\s*(?=\d)", r"\1 minus "),
        (r"(\d)\s+/\s+(?=\d)", r"\1 divided by "),
        (r"√\s*(?=\d)", "the square root of "),
        (r"(?<![\w.])\.(?=\d)", "point "),
        (r"\b(\d+)'(\d+)(?:\"|'')", r"\1 foot \2"),
    )
)

_SOUNDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.I), phonemes)
    for pattern, phonemes in (
        (r"h+m+", "hˈʌm"),
        (r"m+-?h+m+", "ʌmhˈʌm"),
        (r"m+", "ˈəm"),
        (r"s+h+", "ʃʃ"),
        (r"ugh", "ˈʌɡ"),
        (r"br+", "bɹˈɜɹ"),
        (r"gr+", "ɡɹˈɜɹ"),
        (r"aw+", "ˈɔ"),
    )
)
"""Sounds that are no words → phonemes in the notation of misaki."""


def readable(text: str) -> str:
    """Return `text` as it is to be read aloud.

    Sounds such as "Hmm" become `[Hmm](/phonemes/)`, which the voice takes literally.
    """
    if "&" in text:
        text = html.unescape(text)
    text = _INVISIBLE.sub("", text)
    text = _LINK.sub(r"\1", _TAG.sub(" ", text))
    text = _RULE.sub("", _FENCE.sub(" ", text))
    text = _BULLET.sub("", _HEADING.sub("", text))
    text = text.replace("**", "").replace("~~", "").replace("__", "").replace("`", "")
    text = _EMPHASIS.sub(r"\2", text)
    text = _EMAIL.sub(_email, text)
    text = _URL.sub(_address, text)
    text = _FILE.sub(_file_suffix, text)
    text = _PHONE.sub(_phone, text)
    text = _PHONE_PLUS.sub(_phone, text)
    text = _DOTTED.sub(_dotted, text)
    text = _ZEROS.sub(_digits, text)
    text = _LONG_NUMBER.sub(_digits, text)
    for pattern, spoken in _ABBREVIATIONS:
        text = pattern.sub(spoken, text)
    return _SOUND_LETTERS.sub(_sound, text)


def short_pieces(sentence: str) -> Iterator[str]:
    """Cut a sentence where a speaker would breathe: none is longer than `MAX_WORDS` words."""
    words = sentence.split()
    start = 0
    while len(words) - start > _CLAUSE_WORDS + _LEAST_REST:
        end = _breath(words, start)
        if end is None:
            break
        yield " ".join(words[start:end])
        start = end
    if start < len(words):
        yield " ".join(words[start:])


def _breath(words: list[str], start: int) -> int | None:
    """Return where the piece that begins at `start` ends; None if all the rest is one piece."""
    last = min(start + MAX_WORDS, len(words) - _LEAST_REST)
    for end in range(start + _CLAUSE_WORDS, last + 1):
        if words[end - 1].endswith(_CLAUSE_END):
            return end
    if len(words) - start <= MAX_WORDS:
        return None
    for end in range(last, start + _CLAUSE_WORDS, -1):
        if words[end].lower() in _BEFORE:
            return end
    return last


def _email(found: re.Match[str]) -> str:
    return f"{_spoken_marks(found[1])} at {_spoken_marks(found[2])}"


def _address(found: re.Match[str]) -> str:
    address = re.sub(r"^\w+://", "", found[0])
    address = re.sub(r"^www\.", "", address)
    whole = address.rstrip(".,;:!?")
    end = address[len(whole) :]
    host, _, path = whole.partition("/")
    path = re.split(r"[?#]", path, maxsplit=1)[0].strip("/")
    host = host.split("?")[0].split("#")[0]
    spoken = _spoken_marks(host)
    if path and len(path) <= _LONGEST_PATH:
        spoken += " slash " + " slash ".join(_spoken_marks(part) for part in path.split("/"))
    return spoken + end


def _spoken_marks(name: str) -> str:
    """Write the marks within a name as words: `a.b-c_d` is "a dot b dash c underscore d"."""
    name, _, port = name.partition(":")
    for mark, word in ((".", "dot"), ("-", "dash"), ("_", "underscore"), ("+", "plus")):
        name = name.replace(mark, f" {word} ")
    name = re.sub(r"%[0-9A-Fa-f]{2}", " ", name)
    return " ".join(f"{name} port {port}".split() if port.isdigit() else name.split())


def _file_suffix(found: re.Match[str]) -> str:
    suffix = found[1]
    return f" dot {suffix if suffix in _WORDY_SUFFIXES else ' '.join(suffix.upper())}"


def _dotted(found: re.Match[str]) -> str:
    parts = found[2].split(".")
    spoken = (" dot " if len(parts) == 4 else " point ").join(parts)
    return f"version {spoken}" if found[1] else spoken


def _phone(found: re.Match[str]) -> str:
    groups = re.findall(r"\d+", found[0])
    plus = "plus " if found[0].startswith("+") else ""
    return plus + ", ".join(" ".join(group) for group in groups)


def _digits(found: re.Match[str]) -> str:
    return " ".join(found[0].replace(",", ""))


def _sound(found: re.Match[str]) -> str:
    for pattern, phonemes in _SOUNDS:
        if pattern.fullmatch(found[0]):
            return f"[{found[0]}](/{phonemes}/)"
    return found[0]
