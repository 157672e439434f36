"""What people read, in their own language: GNU gettext, by the locale that their environment names.

Texts in the code are English, and the keys of the catalogues below `locale/`. What goes over the
wire to a client, and the log, stays English whatever the locale.
"""

from __future__ import annotations

import gettext
from functools import cache
from pathlib import Path

DOMAIN = "open_realtime_server"
LOCALES = Path(__file__).parent / "locale"
"""`<language>/LC_MESSAGES/<domain>.po`, and the `.mo` compiled from it."""


def _(text: str) -> str:
    """Return `text` in the user's language, as `LANGUAGE`, `LC_ALL`, `LC_MESSAGES`, `LANG` say.

    Values are put in afterwards, so that the text stays a key: `_("port {port}").format(port=80)`.
    """
    return _catalogue().gettext(text)


@cache
def _catalogue() -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, LOCALES, fallback=True)
