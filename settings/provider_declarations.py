"""Which providers there are: reads each one's declaration without importing its library.

A provider's module imports its vendor's library, which may not be installed. Yet every provider's
name and key variable must be known at start. So its class has a `Declaration` with literal
arguments, which this module reads as text, as build tools read a version from a module.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit

from pydantic import BaseModel

ROOT = Path(__file__).parent.parent
PROVIDERS = ROOT / "providers"

Kind = Literal["stt", "llm", "tts"]
"""A group of settings, and what its providers do: speech recognition, language model, voice."""

_READ = ("kind", "name", "key_variable", "key_domains", "extra")
"""Arguments that are read as text; the others are known once the module is imported."""
_MARK = "\n    declaration = Declaration("
"""The beginning of a declaration in a class, as ruff formats it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a provider is called and what it needs: `declaration` of its class.

    Capabilities are the class's own attributes, such as `languages` or `voices`.
    """

    kind: Kind
    name: str
    """Its name in `stt.provider`, `llm.provider` or `tts.provider`."""
    key_variable: str | None = None
    """The environment variable in which its vendor expects the API key; None: it has none."""
    key_domains: tuple[str, ...] = ()
    """The domains of that vendor: the key of the variable is sent nowhere else."""
    extra: bool = False
    """Whether it needs more than `requirements.txt`: then `requirements/NAME.txt` has it."""
    options: type[BaseModel] | None = None
    """What `options` of its group may hold; None: nothing."""
    target: str = ""
    """`package.module:Class`; set by `declarations`."""

    @property
    def requirements(self) -> str | None:
        """What to install, relative to the project; None: it needs nothing of its own."""
        return f"requirements/{self.name}.txt" if self.extra else None


@cache
def declarations() -> tuple[Declaration, ...]:
    """Return what all providers declare, without `options`, in order of kind and name.

    Raises:
        ValueError: A declaration that cannot be read, two of one kind and name, or two of one name
            with different keys: settings know a vendor by its name alone.
    """
    found: dict[tuple[Kind, str], Declaration] = {}
    for path in sorted(PROVIDERS.rglob("*.py")):
        for declaration in _read(path):
            other = found.setdefault((declaration.kind, declaration.name), declaration)
            if other is not declaration:
                raise ValueError(
                    f"{other.target} and {declaration.target} are both the {declaration.kind} "
                    f"provider '{declaration.name}': rename one of them."
                )
    with_key: dict[str, Declaration] = {}
    for declaration in found.values():
        if declaration.key_variable is None:
            continue
        other = with_key.setdefault(declaration.name, declaration)
        key = (declaration.key_variable, declaration.key_domains)
        if key != (other.key_variable, other.key_domains):
            raise ValueError(
                f"{other.target} and {declaration.target} are both called '{declaration.name}', "
                "and declare different key_variable or key_domains: give both the same."
            )
    return tuple(found[key] for key in sorted(found))


def vendor_keys() -> dict[str, str]:
    """Return provider name → the environment variable in which its vendor expects the API key."""
    return {
        declaration.name: declaration.key_variable
        for declaration in declarations()
        if declaration.key_variable is not None
    }


def vendor_domains() -> dict[str, tuple[str, ...]]:
    """Return provider name → the domains to which the key of its vendor's variable is sent."""
    return {declaration.name: declaration.key_domains for declaration in declarations()}


def is_of_vendor(address: str | None, domains: tuple[str, ...]) -> bool:
    """Return whether an address is the vendor's own.

    Args:
        address: `api_base`; None: the vendor's usual one.
        domains: The vendor's.
    """
    host = urlsplit(address or "").hostname
    return address is None or any(
        host == domain or (host or "").endswith(f".{domain}") for domain in domains
    )


def _read(path: Path) -> Iterator[Declaration]:
    """Yield the declarations in a module."""
    before, *after = path.read_text(encoding="utf-8").split(_MARK)
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for text in after:
        class_name = re.split(r"\W", before.rpartition("\nclass ")[2], maxsplit=1)[0]
        # Parsing whole modules would add 40 ms to every start.
        line = text.partition("\n")[0]
        arguments = line if line.endswith(")") else text.partition("\n    )\n")[0] + ")"
        yield _declared(path, arguments, f"{module}:{class_name}")
        before = text


def _declared(path: Path, arguments: str, target: str) -> Declaration:
    """Parse a declaration from the text behind its opening parenthesis."""
    try:
        call = cast(ast.Call, ast.parse(f"Declaration({arguments}", mode="eval").body)
        literals = {
            str(argument.arg): ast.literal_eval(argument.value)
            for argument in call.keywords
            if argument.arg in _READ
        }
        return Declaration(**literals, target=target)
    except (SyntaxError, ValueError, TypeError) as error:
        raise ValueError(
            f"{path}: the declaration of {target} cannot be read ({error}): write out "
            f"{', '.join(_READ)} as literals, because the module is not run for it."
        ) from None
