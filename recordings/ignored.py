"""What `--ignore` may name: groups of fields, the order of events, and types of events.

A word that names nothing would ignore nothing, and nobody would know why there is a difference.
"""

from __future__ import annotations

import argparse
from difflib import get_close_matches

from settings.localisation import _
from settings.plain_words import meant
from testing.known_names import SERVER_TYPES
from wire.client_events import ANNOUNCED, CLIENT_EVENTS, TRANSCRIPTION_EVENTS
from wire.translation_events import TRANSLATION_CLIENT_EVENTS

IGNORABLE = ("words", "audio", "times", "settings", "usage", "messages", "order")
"""Beside types of events: texts and arguments; how much audio; offsets in the audio; sessions'
settings; tokens and rate limits; the wording of errors; the order."""
_TYPES = (
    *SERVER_TYPES,
    *CLIENT_EVENTS,
    *TRANSCRIPTION_EVENTS,
    *TRANSLATION_CLIENT_EVENTS,
    *ANNOUNCED,
)
_LIKENESS = 0.92
"""How alike a type has to be to a known one, 0–1, to be a slip of the pen and no new one."""


def ignorable(text: str) -> str:
    """Read what is not to be compared: `type` of an argument.

    A type that is not known here is taken: other servers have events of their own.

    Raises:
        argparse.ArgumentTypeError: It is none, or nearly one that is known.
    """
    if text in IGNORABLE or text in _TYPES:
        return text
    if "." not in text:
        raise argparse.ArgumentTypeError(
            _("'{name}' is none of {known}, and no type of events.").format(
                name=text, known=", ".join(IGNORABLE)
            )
            + meant(text, (*IGNORABLE, *_TYPES))
        )
    near = get_close_matches(text, _TYPES, n=1, cutoff=_LIKENESS)
    if near:
        told = _("there is no event '{name}'. Did you mean {known}?")
        raise argparse.ArgumentTypeError(told.format(name=text, known=near[0]))
    return text
