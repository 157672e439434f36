"""What people read, in their own language: GNU gettext, by the locale that their environment names.

Texts in the code are English, and the keys of the catalogues below `locale/`. What goes over the
wire to a client, and the log, stays English whatever the locale. `make translations` brings the
catalogues up to date.
"""

from __future__ import annotations

import argparse
import gettext
import locale
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import TextIO

DOMAIN = "open_realtime_server"
LOCALES = Path(__file__).parent / "locale"
"""`<language>/LC_MESSAGES/<domain>.po`, and the `.mo` compiled from it."""
VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
"""Where a user's language is looked for; the first that is set counts, as in GNU gettext."""
_ENGLISH = ("c", "posix", "en")
_ENGLISH_WANTED: ContextVar[bool] = ContextVar("english wanted", default=False)
_CATALOGUES = {"zh": "zh_CN", "cmn": "zh_CN"}
"""A locale's language → the catalogue for it. There is one of Chinese, in simplified characters:
who reads traditional ones reads it with less effort than English."""


def _(text: str) -> str:
    """Return `text` in the user's language, as `LANGUAGE`, `LC_ALL`, `LC_MESSAGES`, `LANG` say.

    Values are put in afterwards, so that the text stays a key: `_("port {port}").format(port=80)`.
    """
    return text if _ENGLISH_WANTED.get() else _catalogue().gettext(text)


@contextmanager
def in_english() -> Iterator[None]:
    """Let `_` return English in the block and in tasks that begin there: what is not for terminals.

    Names of what is in use and remedies, for example, go to clients and into the log as well.
    """
    token = _ENGLISH_WANTED.set(True)
    try:
        yield
    finally:
        _ENGLISH_WANTED.reset(token)


def language_of(environment: Mapping[str, str], system: str | None = None) -> str | None:
    """Return the name of the catalogue for a user; None: they read English.

    Args:
        environment: The process's variables.
        system: The language of the operating system, which counts where no variable is set.
    """
    named = next((environment[name] for name in VARIABLES if environment.get(name)), system or "")
    for wanted in named.lower().split(":"):
        language = wanted.replace("-", "_").partition(".")[0].partition("_")[0]
        if language in _ENGLISH:
            return None
        if language in _CATALOGUES:
            return _CATALOGUES[language]
    return None


def spoken_by_user() -> str:
    """Return the user's language by ISO 639-1; English unless there is a catalogue for it."""
    language = _catalogue().info().get("language", "en")
    return language.partition("_")[0]


def can_show(stream: TextIO | None, text: str) -> bool:
    """Return whether a stream has the characters for a text; one that is closed shows nothing."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


@cache
def _catalogue() -> gettext.NullTranslations:
    language = language_of(os.environ, _system_language())
    if language is None:
        return gettext.NullTranslations()
    found = gettext.translation(DOMAIN, LOCALES, [language], fallback=True)
    # A word of the language stands for all of it.
    shown = all(can_show(stream, found.gettext("usage: ")) for stream in (sys.stdout, sys.stderr))
    return found if shown else gettext.NullTranslations()


def _system_language() -> str | None:
    """Return the language that Windows is set to. Elsewhere terminals set the variables."""
    if sys.platform != "win32":
        return None
    import ctypes

    return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage())


def system_reason(error: OSError) -> str:
    """Return why the operating system refused something, in the user's language if it is usual."""
    told = error.strerror or str(error)
    return _catalogue().gettext(told) if told else type(error).__name__


def others_texts() -> Iterator[str]:
    """Yield texts that users read and our code does not have: the system's and argparse's."""
    yield from (
        _("No such file or directory"),
        _("Permission denied"),
        _("Is a directory"),
        _("Not a directory"),
        _("No space left on device"),
        _("Read-only file system"),
        _("Address already in use"),
        _("Cannot assign requested address"),
        _("Name or service not known"),
        _("Temporary failure in name resolution"),
        _("nodename nor servname provided, or not known"),
        _("Connection refused"),
        _("Connection reset by peer"),
        _("Network is unreachable"),
        _("No route to host"),
    )
    yield from (
        _("usage: "),
        _("positional arguments"),
        _("options"),
        _("show this help message and exit"),
        _("show program's version number and exit"),
        _("%(prog)s: error: %(message)s\n"),
        _("argument %(argument_name)s: %(message)s"),
        _("the following arguments are required: %s"),
        _("one of the arguments %s is required"),
        _("not allowed with argument %s"),
        _("unrecognized arguments: %s"),
        _("ambiguous option: %(option)s could match %(matches)s"),
        _("ignored explicit argument %r"),
        _("expected one argument"),
        _("expected at most one argument"),
        _("expected at least one argument"),
        _("expected %s argument"),
        _("expected %s arguments"),
        _("unexpected option string: %s"),
        _("invalid %(type)s value: %(value)r"),
        _("invalid choice: %(value)r (choose from %(choices)s)"),
        _("invalid choice: %(value)r, maybe you meant %(closest)r? (choose from %(choices)s)"),
    )


def _some(one: str, several: str, number: int) -> str:
    return _catalogue().gettext(one if number == 1 else several)


# argparse looks its texts up in the domain of the process, by the environment alone: not in our
# catalogue, and not where the terminal cannot show it.
vars(argparse).update(_=_, ngettext=_some)
