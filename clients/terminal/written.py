"""A conversation as text: plain, for a terminal that is left, and as Markdown, to be kept."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from itertools import dropwhile

from clients.terminal.transcript import Entry, Transcript
from clients.terminal.widgets import speakers
from settings.columns import columns, padded, wrapped
from settings.localisation import _

NARROWEST = 24
"""Columns for what was said, however narrow the terminal is."""


def plain(transcript: Transcript, width: int) -> str:
    """Return the conversation from its first turn on; "" if there is none.

    Args:
        transcript: What was said.
        width: The terminal's columns.
    """
    names = speakers()
    widest = max(map(columns, names.values()))
    lines = []
    for entry in _said(transcript):
        margin = f"{entry.at:%H:%M:%S}  {padded(names[entry.who], widest)}  "
        indent = columns(margin)
        rows = wrapped(printable(str(entry)), max(NARROWEST, width - indent))
        lines.append((margin + rows[0]).rstrip())
        lines += [(" " * indent + row).rstrip() for row in rows[1:]]
    return "\n".join(lines)


def markdown(transcript: Transcript, about: Iterable[str]) -> str:
    """Return the conversation as Markdown.

    Args:
        transcript: What was said.
        about: What to say of it below the title, such as the server's address.
    """
    names = speakers()
    facts = " · ".join(printable(fact) for fact in about)
    parts = ["# " + _("Conversation"), facts] if facts else ["# " + _("Conversation")]
    for entry in _said(transcript):
        name = f"**{names[entry.who]}** " if names[entry.who] else ""
        parts.append(f"{name}({entry.at:%Y-%m-%d %H:%M:%S})\n\n{_marked(entry)}")
    return "\n\n".join(parts) + "\n"


def printable(text: str) -> str:
    """Return a text without what would command a terminal, and without halves of characters."""
    kept = (
        character
        for character in text
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs")
    )
    return "".join(kept).strip()


def _marked(entry: Entry) -> str:
    """Return an entry's text as Markdown; what was not heard is struck through."""
    if not entry.interrupted:
        return printable(entry.text)
    lines = printable(entry.unheard_text).splitlines()
    struck = "\n".join(f"~~{line.strip()}~~" if line.strip() else "" for line in lines)
    return f"{printable(entry.heard_text)} {entry.mark} {struck}".strip()


def _said(transcript: Transcript) -> Iterable[Entry]:
    return dropwhile(lambda entry: entry.who in ("note", "problem"), transcript)
