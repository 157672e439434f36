"""Makes `.venv`; and says what to do first where that cannot be done.

On Debian and its kin Python comes without `ensurepip`, and so makes environments without pip. That
is found out here before anything is fetched.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from requirements.virtual_environment import VirtualEnvironment
from settings.localisation import _
from settings.package_installer import Outcome, PackageInstaller, Tools, python_outside, run


def make(venv: VirtualEnvironment, tools: Tools, installer: PackageInstaller) -> Outcome:
    """Make the environment in its folder, which `VirtualEnvironment.begin` has noted."""
    folder, base = str(venv.folder), python_outside()
    if tools.ensurepip:
        made = run([base, "-m", "venv", folder])
        if made.ok or not tools.uv:
            return made
    if tools.uv:
        told = installer.for_uv
        made = run([tools.uv, "venv", "--allow-existing", "--python", base, folder], told)
        if made.ok:
            # For the user, who is told to `pip install` what a provider needs.
            run([tools.uv, "pip", "install", "--python", str(venv.python), "pip"], told)
        return made
    return run([base, "-m", "venv", "--without-pip", folder])


def advice() -> str:
    """Return what to do where this Python can make no environment and uv is not there."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    python = os.path.realpath(python_outside())
    fault = _("{python} cannot make an environment with pip in it (it has no ensurepip).")
    why = str(refused(fault.format(python=python)))
    end = _("Then repeat the command. Nothing was changed.")
    if Path("/etc/debian_version").exists() and python.startswith("/usr/bin/"):
        standard = os.path.realpath("/usr/bin/python3") == python
        package = "python3-venv" if standard else f"python{version}-venv"
        return f"{why}\n  sudo apt install {package}\n{end}"
    remedy = _(
        "Install uv (https://docs.astral.sh/uv/), or another Python, and name it: make run PYTHON=…"
    )
    return f"{why}\n  {remedy}\n{end}"


def refused(why: str) -> SystemExit:
    """Return what ends the program with a reason."""
    return SystemExit(_("error: {error}").format(error=why))
