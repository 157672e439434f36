"""Writes Chinese text in the phonemes that Kokoro was trained with, by `misaki` and `jieba`.

jieba keeps its dictionary, in Python's own object format, in the system's folder for temporary
files: anybody on the machine could put code there that it would load. So its dictionary is read
here, from its package, and nothing is written. Its messages on stderr go with that.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator

_DIGITS = str.maketrans("0123456789", "零幺二三四五六七八九")
_LEAST_CLAUSE = 6
"""Characters of a clause that is said by itself."""
_CLAUSE = re.compile(
    r".*?(?:[。！？!?；;\n]+[”’」』）)]*|(?:[，、]|(?<!\d)[,：:]|[,：:](?!\d))+|$)", re.S
)
"""A mark within "1,250" or "7:30" ends none."""
_WRITTEN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), spoken)
    for pattern, spoken in (
        (r"[¥￥]\s*(\d+(?:\.\d+)?)元?", r"\1元"),
        (r"\$\s*(\d+(?:\.\d+)?)", r"\1美元"),
        (r"€\s*(\d+(?:\.\d+)?)", r"\1欧元"),
        (r"(\d{1,2}):00(?!\d)", r"\1点"),
        (r"(\d{1,2}):0(\d)(?!\d)", r"\1点零\2分"),
        (r"(\d{1,2}):(\d{2})(?!\d)", r"\1点\2分"),
        (r"°C|℃", "摄氏度"),
        (r"(\d)\s*\+\s*(?=\d)", r"\1加"),
        (r"(\d)\s*[-−]\s*(?=\d)", r"\1减"),
        (r"(\d)\s*[×*]\s*(?=\d)", r"\1乘"),
        (r"(\d)\s*÷\s*(?=\d)", r"\1除以"),
        (r"=", "等于"),
        (r"(?<=\d),(?=\d{3})", ""),
    )
)
_LONG_NUMBER = re.compile(r"\d{7,}")
_MARKUP = re.compile(r"[*_`#~]+")


def clauses(text: str) -> Iterator[str]:
    """Cut text at its marks, so that the first words need not wait for the last."""
    pending = ""
    for found in _CLAUSE.finditer(text):
        pending += found[0]
        if len(pending) >= _LEAST_CLAUSE or pending.rstrip().endswith(tuple("。！？!?")):
            yield pending
            pending = ""
    if pending.strip():
        yield pending


def readable(text: str) -> str:
    """Return text with its signs and long numbers in words."""
    for pattern, spoken in _WRITTEN:
        text = pattern.sub(spoken, text)
    text = _MARKUP.sub("", text)
    return _LONG_NUMBER.sub(lambda found: found[0].translate(_DIGITS), text)


def load_phonemes() -> Callable[[str], str]:
    """Return a function from Chinese text to phonemes: 1 s, 120 MB.

    Raises:
        ImportError: `misaki` or what it needs for Chinese is not installed.
    """
    import jieba
    from misaki.zh import ZHG2P

    logging.getLogger("jieba").handlers.clear()
    logging.getLogger("jieba").setLevel(logging.WARNING)
    tokenizer = jieba.dt
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    convert = ZHG2P()

    def phonemes(text: str) -> str:
        written: str = convert(readable(text))[0]
        return written

    return phonemes
