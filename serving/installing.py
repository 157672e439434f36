"""`--install`: gets what the stack lacks, after it has said what and how large, and has asked."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

from config import ConfigError, Settings
from providers.llm.ollama_models import OllamaFailure
from serving.missing import MB, Missing, OllamaModel, missing, ollama_of
from settings import requirement_files
from settings.extras import requirements_of
from settings.installation import REQUIREMENTS, Chosen, in_image, start_installing
from settings.localisation import _
from settings.package_installer import PackageInstaller, Tools

FLAGS = ("--install", "--yes")
_YES = ("y", "yes", "j", "是")


def refuse_incomplete(settings: Settings, chosen: Chosen) -> None:
    """Raise `ConfigError` with all that is missing if the stacks cannot start."""
    if missing(settings, chosen.profile, ask_ollama=False).stops:
        found = missing(settings, chosen.profile, ask_ollama=True)
        raise ConfigError(found.told(start_installing(chosen, asking=True)))


def install(settings: Settings, chosen: Chosen, *, yes: bool) -> bool:
    """Get what is missing.

    Args:
        settings: The configuration.
        chosen: With what the server was started.
        yes: Do not ask.

    Returns:
        Whether packages were installed: then the process has to start again, to use them.

    Raises:
        ConfigError: It cannot be asked, something cannot be got, or the rest is the user's.
        SystemExit: The user says no.
    """
    found = missing(settings, chosen.profile, ask_ollama=True)
    rest = found
    if in_image() and found.extras:
        raise ConfigError(found.told(start_installing(chosen, asking=True)))
    if found.installable:
        print(found.told(start_installing(chosen, asking=True)), flush=True)
        try:
            if not yes:
                _ask(chosen)
            _get(found)
        except KeyboardInterrupt:
            print()
            raise SystemExit(130) from None
        rest = missing(settings, chosen.profile, ask_ollama=True)
    if rest.stops or rest.models or rest.yours:
        raise ConfigError(rest.told(start_installing(chosen, asking=True)))
    return bool(found.extras)


def start_again() -> NoReturn:
    """Replace this process by one that has what was installed."""
    words = [sys.executable, *(word for word in sys.orig_argv[1:] if word not in FLAGS)]
    sys.stdout.flush()
    if os.name != "nt":
        os.execv(sys.executable, words)
    raise SystemExit(subprocess.call(words))


def _ask(chosen: Chosen) -> None:
    if not sys.stdin.isatty():
        raise ConfigError(
            _("Nobody can be asked here, so nothing was installed: {command}").format(
                command=start_installing(chosen, asking=False)
            )
        )
    try:
        answer = input(_("Get that now? [y/N] "))
    except EOFError:
        answer = ""
    if answer.strip().lower() not in _YES:
        raise SystemExit(_("Nothing was installed."))


def _get(found: Missing) -> None:
    if found.extras:
        installer = PackageInstaller(sys.executable, Tools.here())
        for words, pinned in _commands(found.extras):
            outcome = installer.install(words, pinned=pinned)
            if not outcome.ok:
                # Some packages may be missing; of the others it is said afterwards that they are.
                reason = outcome.reason or _("the reason is above")
                print(_("Packages could not be installed: {reason}.").format(reason=reason))
        importlib.invalidate_caches()
    for model in found.models:
        _pull(model)


def _commands(extras: Sequence[str]) -> list[tuple[list[str], bool]]:
    """Return what is installed together, and whether it has hashes."""
    if not REQUIREMENTS.is_dir():
        return [([one for name in extras for one in requirements_of(name)], False)]
    files = requirement_files.extras()
    path = {name: str(requirement_files.ROOT / files[name]) for name in extras}
    pinned = [name for name in extras if requirement_files.is_pinned(files[name])]
    free = [word for name in extras if name not in pinned for word in ("-r", path[name])]
    return [*([(free, False)] if free else []), *((["-r", path[one]], True) for one in pinned)]


def _pull(wanted: OllamaModel) -> None:
    """Fetch Ollama's model, and show how far it is."""
    model = wanted.name
    shown = -1
    live = sys.stdout.isatty()
    try:
        for pulled in ollama_of(wanted.config).pull(model):
            percent = 100 * pulled.done_bytes // pulled.total_bytes
            if percent // (1 if live else 10) != shown:
                shown = percent // (1 if live else 10)
                size = f"{pulled.total_bytes / MB:.0f} MB"
                line = f"{model}: {percent} % of {size}"
                print(f"\r{line}  " if live else line, end="" if live else "\n", flush=True)
    except OllamaFailure as failure:
        raise ConfigError(
            _("Ollama cannot fetch {model}: {reason}. Try `ollama pull {model}`.").format(
                model=model, reason=failure
            )
        ) from None
    finally:
        if live and shown >= 0:
            print()
