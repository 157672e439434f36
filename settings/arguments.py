"""Reads the command lines of all programs here; a misspelt flag is answered with the right one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from settings.localisation import _
from settings.plain_words import meant


class PlainParser(argparse.ArgumentParser):
    """A parser whose complaints name what was probably meant."""

    def parse_args(  # type: ignore[override] # argparse declares it by overloads
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Read the arguments; ends the program if there is one that nobody knows."""
        known, rest = self.parse_known_args(args, namespace)
        if rest:
            flag = next((given for given in rest if given.startswith("-")), rest[0])
            written = flag.partition("=")[0]
            self.error(
                _("there is no {flag}.{meant} --help lists what there is.").format(
                    flag=written, meant=meant(written, self._flags())
                )
            )
        return known

    def _flags(self) -> list[str]:
        return [
            flag
            for action in self._actions
            for flag in action.option_strings
            if flag.startswith("--")
        ]

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a value that is none of the choices."""
        if action.choices is not None and value not in action.choices:
            names = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(
                action,
                _("must be one of {names}").format(names=", ".join(names))
                + ", "
                + _("not {value}").format(value=repr(value))
                + "."
                + meant(str(value), names),
            )


def whole_number(text: str) -> int:
    """Read a whole number: `type` of an argument."""
    try:
        return int(text)
    except ValueError:
        told = _("must be a whole number") + ", " + _("not {value}").format(value=repr(text))
        raise argparse.ArgumentTypeError(told) from None


def seconds(text: str) -> float:
    """Read a number of seconds: `type` of an argument."""
    try:
        return float(text)
    except ValueError:
        told = _("must be a number") + ", " + _("not {value}").format(value=repr(text))
        raise argparse.ArgumentTypeError(told) from None
