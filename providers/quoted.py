"""What libraries, services and classes of one's own say of a failure, fit for one line of an error.

Their exceptions may hold whatever they were at: a page of HTML, a dump of a request, the sequences
that colour a terminal, a key. And an exception's own `__str__` may raise.
"""

from __future__ import annotations

import unicodedata

from pipecat.utils.security.redaction import redact_secrets

MOST_CHARACTERS = 500
"""Characters that are shown of what is said."""
_LOOKED_AT = 20_000
"""Characters of it that are looked at: masking keys in all of a book would take its time."""
_UNSEEN = {"Cc", "Cs"}
"""Unicode's categories of control characters, and of halves of characters, which UTF-8 has not."""


def brief(said: object) -> str:
    """Return a text, or what an exception says, in one line, shortened and with keys masked."""
    try:
        text = str(said)
    # Of a class of one's own, which may raise anything.
    except Exception as error:
        text = f"({type(error).__name__} where it should say what)"
    # Masked before it is cut: of half a key nothing tells that it is one.
    line = redact_secrets(" ".join(text[:_LOOKED_AT].split()))
    line = "".join(one for one in line if unicodedata.category(one) not in _UNSEEN)
    return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 1]}…"
