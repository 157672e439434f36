"""Sets up `.venv` for `make run`, `make test` and for who has no `make`; `set_up.py` begins it.

What is installed already is known by a note in the environment: a second start asks nobody. Before
anything is fetched it says what, how large, and about how long; what cannot work is said before.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from requirements.environment_making import advice, make, refused
from requirements.virtual_environment import Installed, VirtualEnvironment
from settings.localisation import _
from settings.package_installer import Outcome, PackageInstaller, Tools
from settings.pip_settings import unreachable
from settings.plain_words import meant
from settings.requirement_files import EMBEDDED, MAIN, ROOT, extras, is_pinned

DEVELOPMENT = "requirements-dev.txt"
FIGURES = ROOT / "settings" / "downloads.json"
MB = 1_000_000
USUAL_MB_PER_S = 50 / 8
"""A usual line, for the estimate: 50 Mbit/s."""
INSTALLING_S = 60
"""Seconds that pip needs besides, on a small machine."""
UNPACKED = 3
"""How many times larger packages are once installed, at least."""


@dataclass(frozen=True, slots=True)
class Step:
    """Files that are installed together."""

    files: tuple[str, ...]
    pinned: bool = False
    """Whether they have hashes. Such packages may vanish from the index, so that may fail."""


def steps(names: Sequence[str] = (), *, development: bool) -> list[Step]:
    """Return what is installed, in this order.

    Args:
        names: Extras that are asked for.
        development: Install all of them, and what the tests need.
    """
    if not development:
        embedded = [Step((EMBEDDED,), pinned=True)] if (ROOT / EMBEDDED).exists() else []
        asked = [extras()[name] for name in names]
        return [
            Step((MAIN,)),
            *embedded,
            *(Step((file,), pinned=is_pinned(file)) for file in asked if file != EMBEDDED),
        ]
    files = list(extras().values())
    free = [file for file in files if not is_pinned(file)]
    pinned = [Step((file,), pinned=True) for file in files if is_pinned(file)]
    return [Step((DEVELOPMENT, MAIN, *free)), *pinned]


def asked_before(venv: VirtualEnvironment) -> list[str]:
    """Return the extras that were asked for once: they stay, and are brought up to date."""
    noted = venv.installed().files
    if DEVELOPMENT in noted:
        return []
    return [name for name, file in extras().items() if file in noted and file != EMBEDDED]


def sum_of(file: str) -> str:
    """Return what tells one state of a file from another."""
    return hashlib.sha256((ROOT / file).read_bytes()).hexdigest()


def left(todo: Sequence[Step], installed: Installed, *, again: bool) -> list[Step]:
    """Return the steps that are not done.

    Args:
        todo: All.
        installed: What the environment has.
        again: Do all of them again.
    """
    return [
        step
        for step in todo
        if again or any(installed.files.get(file) != sum_of(file) for file in step.files)
    ]


def download_bytes(todo: Sequence[Step]) -> int:
    """Return how much is fetched for some steps where nothing is there yet."""
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    names = {"requirements" if file == MAIN else Path(file).stem for s in todo for file in s.files}
    packages: dict[str, int] = {}
    for name in names & figures.keys():
        packages |= figures[name]
    return sum(packages.values())


def announcement(todo: Sequence[Step], tools: Tools, *, new: bool) -> str:
    """Return what is about to be installed, how large it is and how long that takes."""
    size = download_bytes(todo)
    minutes = math.ceil((size / MB / USUAL_MB_PER_S + INSTALLING_S) / 60)
    version = ".".join(map(str, sys.version_info[:2]))
    begin = _("Setting up .venv with Python {version} by {tool}: {files}.").format(
        version=version,
        tool=tools.name,
        files=_(" and ").join(step.files[0] for step in todo if step.files),
    )
    fetched = (
        _(
            "To download: {size} MB, about {minutes} min at 50 Mbit/s. Ctrl-C stops it; it can be "
            "repeated."
        )
        if new
        else _(
            "To download: at most {size} MB, about {minutes} min at 50 Mbit/s. Ctrl-C stops it; it "
            "can be repeated."
        )
    )
    kept = _("On the disk: {size} GB.") if new else _("On the disk: at most {size} GB.")
    lines = (
        begin,
        fetched.format(size=f"{size / MB:.0f}", minutes=minutes),
        kept.format(size=f"{UNPACKED * size / 1000 / MB:.1f}"),
    )
    return "\n  ".join(lines)


def state(
    venv: VirtualEnvironment, wanted: Sequence[Step], *, again: bool
) -> tuple[str | None, Installed, bool, list[Step]]:
    """Return why it is made anew, if so; what it has; whether to repair it; what is to be done."""
    asked = sys.version_info[:2] if os.environ.get("PYTHON") else None
    fault = venv.fault(asked)
    installed = Installed() if fault else venv.installed()
    repair = not fault and venv.is_to_be_repaired
    todo = left(wanted, installed, again=again or repair)
    return fault, installed, repair, todo


def set_up(
    venv: VirtualEnvironment, wanted: Sequence[Step], *, development: bool, again: bool
) -> Iterator[str]:
    """Do what is left to do; yields what failed and may be missing.

    Args:
        venv: The environment.
        wanted: What it is to have.
        development: Whether that is much, and worth getting uv for.
        again: Install what it has, too.

    Raises:
        SystemExit: It cannot be done, with the reason and the remedy.
    """
    fault, installed, repair, todo = state(venv, wanted, again=again)
    if fault or todo:
        venv.hold()
        # Another command may have begun or ended since it was looked at.
        fault, installed, repair, todo = state(venv, wanted, again=again)
    if fault or todo:
        tools = Tools.here()
        installer = PackageInstaller(venv.python, tools)
        if not tools.sufficient and (fault or not installer.has_pip()):
            raise SystemExit(advice())
        refuse_if_hopeless(installer.pip_settings, todo)
        if fault and venv.exists:
            print(_(".venv is made anew: {fault}.").format(fault=fault))
        print(announcement(todo, tools, new=bool(fault)), flush=True)
        if fault:
            venv.remove()
        venv.begin(new=bool(fault))
        if fault:
            demand(make(venv, tools, installer), _("The environment could not be made"))
    venv.mend_paths()
    if todo:
        if development:
            installer.get_uv()
        for step in todo:
            try:
                do(step, installer, installed, anew=repair)
            except SystemExit:
                if repair:
                    # It cannot be repaired, so the next time it is made anew.
                    venv.begin(new=True)
                elif not fault:
                    venv.leave()
                raise
        venv.finish(installed)
    names = {file for step in wanted for file in step.files}
    for file in names & installed.failed.keys():
        yield _("{file} is not installed ({reason}): {instead}. Again: make setup").format(
            file=file, reason=installed.failed[file] or reason_above(), instead=instead_of(file)
        )


def instead_of(file: str) -> str:
    """Return what happens without a file that could not be installed."""
    if file == EMBEDDED:
        return _("pocketsphinx and espeak-ng, which understand less, take their place")
    return _("what needs it cannot be used")


def reason_above() -> str:
    """Return what is said instead of a reason that is on the screen."""
    return _("the reason is above")


def do(step: Step, installer: PackageInstaller, installed: Installed, *, anew: bool) -> None:
    """Install a step and note it; `anew`: also what seems to be there."""
    words = [word for file in step.files for word in ("-r", file)]
    outcome = installer.install(words, pinned=step.pinned, anew=anew)
    if not step.pinned:
        demand(outcome, _("{file} could not be installed").format(file=step.files[0]))
    for file in step.files:
        installed.files[file] = sum_of(file)
        installed.failed.pop(file, None)
        if not outcome.ok:
            installed.failed[file] = outcome.reason


def refuse_unknown(profile: str | None) -> None:
    """End before anything is fetched if there is no such profile."""
    names = sorted(path.stem for path in (ROOT / "profiles").glob("*.toml"))
    if profile and profile not in names:
        raise SystemExit(
            _("error: There is no profile '{name}'.{meant} Choose one of {names}.").format(
                name=profile, meant=meant(profile, names), names=", ".join(names)
            )
        )


def refuse_unknown_extras(names: Sequence[str]) -> None:
    """End before anything is fetched if there is no such file of requirements."""
    known = list(extras())
    for name in names:
        if name not in known:
            told = _("There is no requirements/{name}.txt.{meant} Choose one of {names}.").format(
                name=name, meant=meant(name, known), names=", ".join(known)
            )
            raise SystemExit(_("error: {error}").format(error=told))


def refuse_if_hopeless(settings: dict[str, str], todo: Sequence[Step]) -> None:
    """End before anything is changed if there is no network or no room."""
    if reason := unreachable(os.environ, settings):
        told = _(
            "{reason}: connect to the network, or name a mirror (PIP_INDEX_URL=…) or a proxy "
            "(HTTPS_PROXY=…), and repeat the command. Nothing was changed."
        )
        raise refused(told.format(reason=reason))
    free, needed = shutil.disk_usage(ROOT).free, UNPACKED * download_bytes(todo)
    if free < needed:
        told = _(
            "{free} MB are free on the disk of {folder}, and {needed} MB are needed. Nothing was "
            "changed."
        )
        size = {"free": f"{free / MB:.0f}", "needed": f"{needed / MB:.0f}"}
        raise refused(told.format(folder=ROOT, **size))


def demand(outcome: Outcome, what: str) -> None:
    """End with the reason unless it went well."""
    if outcome.ok:
        return
    reason = outcome.reason or reason_above()
    if "No matching distribution" in reason or "from versions" in reason:
        remedy = _("There may be no package for this system or this Python: name another, PYTHON=…")
    elif "No space left" in reason:
        remedy = _("Make room on the disk, and repeat the command.")
    elif "CERTIFICATE" in reason.upper():
        remedy = _("Name your authority's certificates: PIP_CERT=FILE, and repeat the command.")
    else:
        remedy = _("Repeat the command: what was fetched is kept.")
    raise refused(_("{what}: {reason}. {remedy}").format(what=what, reason=reason, remedy=remedy))


def start(venv: VirtualEnvironment, arguments: Sequence[str]) -> NoReturn:
    """Become the server."""
    command = [str(venv.python), "main.py", *arguments]
    if os.name != "nt":
        sys.stdout.flush()
        os.execv(command[0], command)
    raise SystemExit(subprocess.call(command))


def main() -> None:
    """Read the arguments, which `set_up.py` explains, and do it."""
    parser = argparse.ArgumentParser(
        prog="requirements/set_up.py", description=_("Sets up .venv, and starts the server.")
    )
    parser.add_argument("--start", action="store_true", help=_("start the server afterwards"))
    parser.add_argument("--profile", metavar="NAME", help=_("install what a profile needs, too"))
    parser.add_argument(
        "--with",
        dest="extras",
        action="append",
        default=[],
        metavar="NAME",
        help=_("install a file of requirements/, too: webrtc, say"),
    )
    parser.add_argument("--yes", action="store_true", help=_("do not ask before that"))
    parser.add_argument("--again", action="store_true", help=_("install once more"))
    parser.add_argument("--dev", action="store_true", help=_("install what the tests need"))
    parser.add_argument("arguments", nargs="*", help=_("the server's, behind `--`"))
    given = parser.parse_args()
    refuse_unknown_extras(given.extras)
    refuse_unknown(given.profile or (os.environ.get("REALTIME_PROFILE") if given.start else None))
    venv = VirtualEnvironment(ROOT / ".venv")
    try:
        names = dict.fromkeys([*given.extras, *asked_before(venv)])
        wanted = steps([*names], development=given.dev)
        for warning in set_up(venv, wanted, development=given.dev, again=given.again):
            print(_("warning: {warning}").format(warning=warning), flush=True)
    except KeyboardInterrupt:
        print("\n" + _("Stopped. To go on, repeat the command."), flush=True)
        raise SystemExit(130) from None
    profile = ["--profile", given.profile, "--install"] if given.profile else []
    arguments = [*profile, *(["--yes"] if given.profile and given.yes else []), *given.arguments]
    if given.start or given.profile:
        start(venv, arguments)
    if not given.dev:
        program = os.path.relpath(venv.python)
        print(
            _(
                "Ready: `make run`, or {python} main.py, starts the server. Then, in a second "
                "terminal: `make try` and `make talk`, or {python} test_client.py and "
                "{python} push_to_talk_app.py."
            ).format(python=program)
        )


if __name__ == "__main__":
    main()
