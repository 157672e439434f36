"""Whether the server is a checkout or installed, and so which commands start it and add extras.

A checkout is started by `python main.py` and gets extras from its `requirements/`; an installed
server has commands, and pip extras. In an image nothing can be added: it is built anew. This module
imports the standard library only, since others may be missing.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from settings import requirement_files
from settings.localisation import _

DISTRIBUTION = "open-realtime-server"
"""The distribution's name for pip."""
REQUIREMENTS = Path(__file__).parent.parent / "requirements"
"""In a checkout, one file per provider that needs more than `requirements.txt`; else absent."""
IMAGE_VARIABLE = "OPEN_REALTIME_SERVER_IMAGE"
"""Set in images, and while they are built, by `Dockerfile`."""
_RUN_IMAGE = "docker run …"
_COMMANDS = {
    "main.py": "open-realtime-server",
    "models_http": "open-realtime-models",
    "push_to_talk_app.py": "open-realtime-talk",
    "recordings": "open-realtime-recordings",
    "test_client.py": "open-realtime-check",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """With what a server is started."""

    profile: str | None = None
    """The ready-made stack of the server's own tables; None: there is none."""
    arguments: tuple[str, ...] = ()
    """The rest of the command line, which a start that installs has to repeat: without its
    `--config` or `--stack`, other stacks would start. Neither `--install` nor `--yes` is in it."""


def in_image() -> bool:
    """Return whether this is an image, into which nothing can be installed any more."""
    return bool(os.environ.get(IMAGE_VARIABLE))


def build_image(names: Sequence[str]) -> str:
    """Return the command that builds an image with extras.

    Args:
        names: As in `requirements/`, such as `whisper`.
    """
    return f'docker build --build-arg ALSO="{" ".join(names)}" …'


def program_name(file: str) -> str:
    """Return what a program is called.

    Args:
        file: Its file in a checkout, such as `main.py`, or its package: `models_http`.
    """
    return file if REQUIREMENTS.is_dir() else _COMMANDS[file]


def command(file: str) -> str:
    """Return the command of a program, given its file in a checkout, or its package."""
    if not REQUIREMENTS.is_dir():
        return _COMMANDS[file]
    return f"python {file}" if file.endswith(".py") else f"python -m {file}"


def start_server() -> str:
    """Return the server's command, in a form that variables can be put in front of."""
    if in_image():
        return _RUN_IMAGE
    return "make run" if REQUIREMENTS.is_dir() else command("main.py")


def start_profile(name: str) -> str:
    """Return the command that starts the server with a ready-made stack, and gets what it needs."""
    if in_image():
        return f"{build_image([name])} && {_RUN_IMAGE} --profile {name}"
    if REQUIREMENTS.is_dir():
        return f"make run PROFILE={name}"
    return f"{command('main.py')} --profile {name} --install"


def start_installing(chosen: Chosen, *, asking: bool) -> str:
    """Return the command that gets what the stacks lack, and then starts the server.

    Args:
        chosen: With what the server was started.
        asking: Whether it may ask first; `make run` has been told by then what is fetched.
    """
    arguments = shlex.join(chosen.arguments)
    if in_image():
        profile = f"--profile {chosen.profile}" if chosen.profile else ""
        # Nobody can be asked in there.
        return " ".join(filter(None, [_RUN_IMAGE, profile, arguments, "--install", "--yes"]))
    if _made_by_make():
        if not chosen.profile:
            return f'make run ARGS="{" ".join(filter(None, ["--install --yes", arguments]))}"'
        passed = f' ARGS="{arguments}"' if arguments else ""
        return f"make run PROFILE={chosen.profile} YES=1{passed}"
    server = f"{program('python')} main.py" if REQUIREMENTS.is_dir() else command("main.py")
    profile = f"--profile {chosen.profile}" if chosen.profile else ""
    words = [server, profile, arguments, "--install", "" if asking else "--yes"]
    return " ".join(filter(None, words))


def pip() -> str:
    """Return the pip that installs for this process, whether or not its environment is active."""
    if in_image():
        return _("in an image of your own (FROM this one, USER 0): {pip}").format(
            pip=f"pip --python {sys.executable}"
        )
    return program("pip") if REQUIREMENTS.is_dir() else "pip"


def program(name: str) -> str:
    """Return how a program of the running environment is called in a shell.

    Args:
        name: `python` or `pip`.
    """
    ending = ".exe" if os.name == "nt" else ""
    path = Path(sys.executable).with_name(f"{name}{ending}")
    active = os.environ.get("VIRTUAL_ENV") == sys.prefix
    if sys.prefix == sys.base_prefix or active or not path.exists():
        return name
    here = Path.cwd()
    # What has no folder in front of it would be looked for on PATH.
    inside = path.is_relative_to(here) and path.parent != here
    shown = str(path.relative_to(here) if inside else path)
    shown = shown.removesuffix(ending)
    return f'"{shown}"' if " " in shown else shown


def _made_by_make() -> bool:
    """Return whether this process runs in the environment of `make run`, which Windows lacks."""
    venv = REQUIREMENTS.parent / ".venv"
    return (
        os.name != "nt"
        and not in_image()
        and REQUIREMENTS.is_dir()
        and Path(sys.prefix).resolve() == venv.resolve()
    )


def start_client(file: str, options: str = "") -> str:
    """Return a client's command, which needs no environment to be activated.

    Args:
        file: `push_to_talk_app.py` or `test_client.py`.
        options: Its command-line options.
    """
    if not REQUIREMENTS.is_dir():
        return f"{command(file)} {options}".rstrip()
    target = {"push_to_talk_app.py": "talk", "test_client.py": "try"}[file]
    return f"make {target}" + (f' ARGS="{options}"' if options else "")


def install_pinned(name: str) -> str:
    """Return the command that installs, in a checkout, a file of requirements with hashes.

    Args:
        name: As in `requirements/`, such as `offline`.
    """
    if in_image():
        return build_image([name])
    return f"{pip()} install --no-deps --require-hashes -r requirements/{name}.txt"


def install_extra(name: str) -> str | None:
    """Return the command that installs an extra; None if there is no such extra.

    Args:
        name: Name of a provider, or `tracing`.
    """
    if REQUIREMENTS.is_dir():
        file = requirement_files.extras().get(name)
        if file is None:
            return None
        if in_image():
            return build_image([name])
        if requirement_files.is_pinned(file):
            return install_pinned(name)
        return f"{pip()} install -r {file}"
    return f"pip install '{DISTRIBUTION}[{name}]'" if name in _extras() else None


def add_extra(name: str) -> str | None:
    """Return the shortest command that adds an extra to this server; None: there is no such extra.

    Args:
        name: As in `requirements/`, such as `webrtc`.
    """
    if _made_by_make() and name in requirement_files.extras():
        return f"make run WITH={name}"
    return install_extra(name)


def reinstall() -> str:
    """Return the command that installs the libraries that the server itself needs."""
    if REQUIREMENTS.is_dir():
        return f"{pip()} install -r requirements.txt"
    return f"pip install {DISTRIBUTION}"


def missing_library(name: str | None) -> str:
    """Return the error message for a missing library of the server itself."""
    remedy = _("`make run`, or `{command}`") if REQUIREMENTS.is_dir() else "`{command}`"
    return _("The library '{name}' is missing: run {remedy}.").format(
        name=name, remedy=remedy.format(command=reinstall())
    )


def _extras() -> list[str]:
    try:
        return metadata(DISTRIBUTION).get_all("Provides-Extra") or []
    except PackageNotFoundError:
        # The package was copied here without pip.
        return []
