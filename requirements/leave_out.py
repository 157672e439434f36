"""Names what an environment can do without once some packages are gone from it.

    python -m requirements.leave_out textual sounddevice

prints them and, one a line, what was installed for nothing but them; `Dockerfile` gives the list to
`pip uninstall`, so that the image of the server has no terminal client in it. It tells from what is
installed, so that `requirements.lock` stays the only list of versions. The standard library alone,
and `packaging`, which the server has.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from settings.requirement_files import MAIN, named

Needs = Mapping[str, frozenset[str]]
"""Package → the packages that it needs, in normal form."""


def left_over(needs: Needs, unwanted: Iterable[str], wanted: Iterable[str]) -> set[str]:
    """Return what nothing needs once some packages are gone, and those themselves.

    Args:
        needs: What is installed. Of what it needs, that is installed or not.
        unwanted: What is to go, though others may need it.
        wanted: What stays even if nothing needs it.

    Raises:
        ValueError: One of the unwanted is not installed, with its name.
    """
    gone: set[str] = {canonicalize_name(name) for name in unwanted}
    if missing := sorted(gone - needs.keys()):
        raise ValueError(f"not installed, so it cannot be left out: {', '.join(missing)}")
    kept: set[str] = {canonicalize_name(name) for name in wanted}
    while True:
        still_needed = kept.union(*(needs[name] for name in needs if name not in gone))
        needed_by_gone = set[str]().union(*(needs[name] for name in gone)) & needs.keys()
        if not (more := needed_by_gone - still_needed - gone):
            return gone
        gone |= more


def installed() -> Needs:
    """Return what is installed in this environment."""
    found = {canonicalize_name(one.name): one for one in distributions()}
    return {name: _needs(one) for name, one in found.items()}


def _needs(distribution: Distribution) -> frozenset[str]:
    """Return what a package needs here; of its extras, all, since one may be in use."""
    return frozenset(
        canonicalize_name(Requirement(line).name) for line in distribution.requires or ()
    )


def main(unwanted: list[str]) -> None:
    """Print the list; exits with the reason where it cannot be made."""
    own = [Requirement(line).name for line in named(MAIN)]
    wanted = {canonicalize_name(name) for name in own} - {canonicalize_name(n) for n in unwanted}
    try:
        gone = left_over(installed(), unwanted, wanted)
    except ValueError as reason:
        raise SystemExit(f"error: {reason}") from None
    print("\n".join(sorted(gone)))


if __name__ == "__main__":
    main(sys.argv[1:])
