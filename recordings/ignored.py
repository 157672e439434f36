"""What `--ignore` may name: groups of fields, the order of events, and types of events.

A word that names nothing would ignore nothing, and nobody would know why there is a difference.
"""

from __future__ import annotations

import argparse

from settings.localisation import _
from settings.plain_words import meant
from testing import known_names

IGNORABLE = ("words", "audio", "times", "settings", "usage", "messages", "order")
"""Beside types of events: texts and arguments; how much audio; offsets in the audio; sessions'
settings; tokens and rate limits; the wording of errors; the order."""
_WITHOUT_DOT = ("error",)
"""All other types of events have one."""


def ignorable(text: str) -> str:
    """Read what is not to be compared: `type` of an argument.

    A type that is not known here is taken: other servers have events of their own.

    Raises:
        argparse.ArgumentTypeError: It is none, or nearly one that is known.
    """
    if text in IGNORABLE or text in _WITHOUT_DOT:
        return text
    if "." not in text:
        raise argparse.ArgumentTypeError(
            _("'{name}' is none of {known}, and no type of events.").format(
                name=text, known=", ".join(IGNORABLE)
            )
            + meant(text, (*IGNORABLE, *_WITHOUT_DOT))
        )
    try:
        return known_names.event(text)
    except ValueError as slip:
        raise argparse.ArgumentTypeError(str(slip)) from None
