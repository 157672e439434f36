"""Finds a Python that can run the server, and has it set everything up: `make run` begins here.

    python requirements/set_up.py                 set up .venv, and say how to go on
    python requirements/set_up.py --start         ... and start the server; arguments follow `--`
    python requirements/set_up.py --profile local ... with all that the profile `local` needs
    python requirements/set_up.py --with webrtc   ... with the libraries of requirements/webrtc.txt
    python requirements/set_up.py --again         install once more, what failed last time too
    python requirements/set_up.py --dev           for the tests: the libraries of all providers

PYTHON=... in the environment names a Python of your own. What runs this file may be a Python of
any age: it is written so that an old one can read it far enough to say what is wrong. The rest is
in `setting_up.py`.
"""

# ruff: noqa: RUF005, UP010, UP031

from __future__ import print_function

import gettext
import os
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 14)
"""The versions of Python for which all libraries have packages."""
NAMES = ("python3", "python3.13", "python3.12", "python3.11", "python3.14", "python")
WINDOWS = os.name == "nt"
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "Scripts" if WINDOWS else "bin", "python" + ".exe" * WINDOWS)
LOCALES = os.path.join(ROOT, "settings", "locale")
PROBE = """
import sys
print('%d.%d' % sys.version_info[:2])
print(getattr(sys, '_base_executable', None) or sys.executable)
for name in ('ensurepip', 'pip'):
    try:
        __import__(name)
        print(name)
    except ImportError:
        pass
"""
"""Asks a Python for its version, its path outside of any environment, and how it can install."""


def _(text):
    # type: (str) -> str
    """Return a text in the user's language, as `settings/localisation.py` does for new Pythons."""
    variables = [os.environ.get(name) for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")]
    named = [value for value in variables if value]
    for wanted in (named[0] if named else "").lower().split(":"):
        if wanted.startswith(("c.", "en", "posix")) or wanted == "c":
            break
        if wanted.startswith(("zh", "cmn")):
            known = gettext.translation("open_realtime_server", LOCALES, ["zh_CN"], fallback=True)
            return shown_or(known.gettext(text), text)
    return text


def shown_or(translated, text):
    # type: (str, str) -> str
    """Return a translation, or the text itself where the terminal has not its characters."""
    if isinstance(translated, bytes):
        # Python 2 has it encoded already.
        return translated
    for stream in (sys.stdout, sys.stderr):
        try:
            translated.encode(getattr(stream, "encoding", None) or "utf-8")
        except (UnicodeEncodeError, LookupError):
            return text
    return translated


def error(text):
    # type: (str) -> str
    """Return a reason to end, as the server writes it."""
    return _("error: {error}").replace("{error}", text)


def supported():
    # type: () -> str
    """Return which versions of Python fit."""
    return _("%(oldest)s to %(newest)s") % {"oldest": shown(OLDEST), "newest": shown(NEWEST)}


class Found:
    """A Python that answered."""

    def __init__(self, path, version, installers):
        # type: (str, tuple[int, int], list[str]) -> None
        self.path = path
        self.version = version
        self.installers = installers

    def fits(self):
        # type: () -> bool
        """Return whether the libraries have packages for it."""
        return OLDEST <= self.version <= NEWEST


def ask(command):
    # type: (list[str]) -> Found | None
    """Ask a Python what it is; None: there is none, or it does not run."""
    try:
        process = subprocess.Popen(
            command + ["-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError:
        return None
    said = process.communicate()[0].decode("utf-8", "replace").splitlines()
    if process.returncode or len(said) < 2:
        return None
    major, minor = said[0].split(".")
    return Found(said[1], (int(major), int(minor)), said[2:])


def which(name):
    # type: (str) -> str | None
    """Return where a program is on PATH."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        path = os.path.join(folder, name + (".exe" if WINDOWS else ""))
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def candidates():
    # type: () -> list[list[str]]
    """Return the commands of all Pythons to ask, the preferred one first."""
    there = [[path] for path in [VENV_PYTHON, sys.executable] if path and os.path.exists(path)]
    if WINDOWS:
        return there + [["py", "-3.%d" % minor] for minor in (13, 12, 11, 14)]
    return there + [[name] for name in NAMES if which(name)]


def choose(wanted):
    # type: (str) -> Found
    """Return the Python to use; ends with the reason and the remedy if there is none.

    Args:
        wanted: What the user asks for, by name or path; empty: whichever fits.
    """
    if wanted:
        found = ask([wanted])
        if found is None:
            told = _("PYTHON=%(name)s does not run. Name another one, or leave it out.")
            sys.exit(error(told % {"name": wanted}))
        if not found.fits():
            told = _(
                "PYTHON=%(name)s is Python %(version)s; %(supported)s are supported: name another, "
                "or leave it out."
            )
            here = {"name": wanted, "version": shown(found.version), "supported": supported()}
            sys.exit(error(told % here))
        return found
    seen = []  # type: list[Found]
    for command in candidates():
        found = ask(command)
        if found is None:
            continue
        if found.fits() and (found.installers or which("uv")):
            return found
        seen.append(found)
    fitting = [found for found in seen if found.fits()]
    if fitting:
        return fitting[0]
    return fetched_by_uv() if which("uv") else sys.exit(no_python(seen))


def fetched_by_uv():
    # type: () -> Found
    """Return a Python that uv has, or fetches from its maker's releases, about 30 MB."""
    told = _("No Python %(supported)s is here: uv fetches one (30 MB).")
    print(told % {"supported": supported()})
    sys.stdout.flush()
    version = "3.13"
    if subprocess.call(["uv", "python", "install", version]) == 0:
        process = subprocess.Popen(
            ["uv", "python", "find", "--no-project", version], stdout=subprocess.PIPE
        )
        found = ask([process.communicate()[0].decode("utf-8", "replace").strip()])
        if found is not None and found.fits():
            return found
    told = _("uv could not fetch Python %(version)s; its reason is above.")
    sys.exit(error(told % {"version": version}))


def no_python(seen):
    # type: (list[Found]) -> str
    """Return what is wrong, and what to do about it, where no Python fits."""
    there = sorted({shown(found.version) for found in seen})
    if os.path.exists("/etc/debian_version"):
        remedy = _(
            "sudo apt install python3 python3-venv, if that is one of these, else install uv"
        )
    elif sys.platform == "darwin":
        remedy = _("brew install python@3.13, or install uv")
    elif WINDOWS:
        remedy = _("winget install Python.Python.3.13, or install uv")
    else:
        remedy = _("install it with your system's package manager, or install uv")
    if there:
        needed = _("Python %(supported)s is needed; only %(there)s is here.")
    else:
        needed = _("Python %(supported)s is needed; none is here.")
    how = _(
        "%(remedy)s (https://docs.astral.sh/uv/), which fetches a Python by itself. Then repeat "
        "the command."
    )
    why = needed % {"supported": supported(), "there": ", ".join(there)}
    return error(why) + "\n  " + how % {"remedy": remedy}


def shown(version):
    # type: (tuple[int, int]) -> str
    """Return a version as people write it."""
    return "%d.%d" % version


def main():
    # type: () -> None
    """Go on with the Python that is chosen."""
    python = choose(os.environ.get("PYTHON", ""))
    os.chdir(ROOT)
    command = [python.path, "-m", "requirements.setting_up"] + sys.argv[1:]
    if not WINDOWS:
        os.execv(python.path, command)
    try:
        sys.exit(subprocess.call(command))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
