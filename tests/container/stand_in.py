"""A base for the image where no registry can be reached: Debian's own Python, from `debootstrap`.

It stands in for `python:3.13-slim`, which is the same Debian with the same version of Python: the
commands `python` and `pip` are in `/usr/local` there too.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

RELEASE = "trixie"
"""The Debian of `python:3.13-slim`."""
PACKAGES = "ca-certificates,python3-venv"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
NAME = "localhost/python-of-debian:slim"
PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LEFT_OUT = (
    *("usr/share/doc", "usr/share/man", "usr/share/locale"),
    *("var/cache/apt", "var/lib/apt/lists"),
)
"""What Debian's slim images lack, too."""


def make_root(folder: Path) -> None:
    """Make a root of Debian's with `python` and `pip`."""
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE, str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["chroot", str(folder), "python3", "-m", "venv", "/usr/local"], check=True)
    # Networks with an authority of their own.
    shutil.copy(CERTIFICATES, folder / CERTIFICATES.lstrip("/"))
    for name in _LEFT_OUT:
        for inside in (folder / name).glob("*"):
            # A link to a folder is one until that folder is gone.
            linked = inside.is_symlink() or not inside.is_dir()
            inside.unlink() if linked else shutil.rmtree(inside)


def make_image(root: Path) -> None:
    """Make an image of a root, by the name `NAME`."""
    made = subprocess.run(
        ["buildah", "from", "scratch"], check=True, capture_output=True, text=True
    )
    container = made.stdout.strip()
    settings = {"PATH": PATH, "LANG": "C.UTF-8", "PIP_CERT": CERTIFICATES}
    given = [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]
    for command in (
        ["buildah", "copy", "--quiet", container, str(root), "/"],
        ["buildah", "config", *given, container],
        ["buildah", "commit", "--quiet", container, NAME],
        ["buildah", "rm", container],
    ):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
