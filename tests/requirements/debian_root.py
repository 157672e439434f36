"""`make start-check`: the first start on a plain Debian, as a new user meets it.

    python -m tests.requirements.debian_root            in a root that debootstrap makes
    python -m tests.requirements.debian_root --base DIR ... that it has made before
    python -m tests.requirements.debian_root --unless-proven  not if nothing has changed since

Python there can make no environment. So the first `make run` has to say what to do, and that has to
be enough: the second one sets up and serves, a client that needs no activation talks to it, and a
third start needs no network. It takes minutes, root's rights, debootstrap and the network; where
one of the first two is missing it says so and does nothing. When it passes it notes the sum of what
it depends on in `debian_root.sum`, which is committed: so CI tries it only when that has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.places import ROOT

RELEASE = "bookworm"
PACKAGES = "ca-certificates,make,python3"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
CHECKOUT = "/srv/checkout"
PORT = 8765
REMEDY = "sudo apt install python3-venv"
PROVEN = Path(__file__).with_suffix(".sum")
PROVES = (
    "Makefile",
    "requirements.txt",
    "requirements/*.py",
    "requirements/embedded.txt",
    "settings/localisation.py",
    "settings/package_installer.py",
    "settings/pip_settings.py",
    "settings/requirement_files.py",
    "tests/requirements/debian_root.py",
)
"""What a first start consists of, before the server runs."""


def state() -> str:
    """Return the sum of what the first start consists of."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in PROVES for path in ROOT.glob(pattern)):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def refusal() -> str | None:
    """Return why it cannot be tried here; None: it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "it has to be root on Linux, to enter a root of Debian's"
    missing = [name for name in ("debootstrap", "chroot", "git") if shutil.which(name) is None]
    return f"{', '.join(missing)} is not installed" if missing else None


class Debian:
    """A root of Debian's with the checkout in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, base: Path | None) -> None:
        """Make the root, or copy one, and put the checkout into it."""
        if base is None:
            command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE]
            subprocess.run([*command, str(self.folder)], check=True, stdout=subprocess.DEVNULL)
        else:
            subprocess.run(["cp", "-a", f"{base}/.", str(self.folder)], check=True)
        for file in ("/etc/resolv.conf", "/etc/hosts", CERTIFICATES):
            shutil.copy(file, self.folder / file.lstrip("/"))
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            source, target = ROOT / name, self.folder / CHECKOUT.lstrip("/") / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)

    def command(self, *words: str, network: bool = True) -> list[str]:
        """Return how to run a command in the checkout, with hardly a variable."""
        variables = {
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            # Networks with an authority of their own.
            "PIP_CERT": CERTIFICATES,
        }
        alone = [] if network else ["unshare", "--net"]
        given = [f"{name}={value}" for name, value in variables.items()]
        entered = ["chroot", str(self.folder), "env", "--ignore-environment"]
        return [*alone, *entered, f"--chdir={CHECKOUT}", *given, *words]

    def run(self, *words: str, network: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        print("$", *words, flush=True)
        done = subprocess.run(
            self.command(*words, network=network),
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        print(done.stdout[-2000:], done.stderr[-2000:], flush=True)
        return done


def check(debian: Debian) -> None:
    """Start for the first time, and go on as told."""
    refused = debian.run("make", "run")
    assert refused.returncode != 0
    assert REMEDY in refused.stderr, "it does not say what to do"
    assert "Collecting" not in refused.stdout, "it has downloaded something before"
    assert not (debian.folder / CHECKOUT.lstrip("/") / ".venv").exists(), "it has left something"

    for words in (["update"], ["install", "--yes", *REMEDY.split()[3:]]):
        taken = debian.run("apt-get", "--quiet", "--quiet", *words)
        assert taken.returncode == 0, "the remedy cannot be taken"

    begun = ["make", "run", f"ARGS=--port {PORT}"]
    print("$", *begun, flush=True)
    with subprocess.Popen(debian.command(*begun), stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            said = ""
            for line in server.stdout:
                said += line
                if f"localhost:{PORT}/v1/realtime" in line:
                    break
            else:
                raise AssertionError(f"the server does not start:\n{said[-3000:]}")
            assert " MB, about " in said.partition("Collecting")[0], "it does not say how large"
            url = f"ws://localhost:{PORT}/v1/realtime"
            tried = debian.run("make", "try", f"ARGS=--url {url}")
            assert tried.returncode == 0, "the client is not content"
        finally:
            server.terminate()

    again = debian.run("make", "run", "ARGS=--version", network=False)
    assert again.returncode == 0, "the second start needs something"
    assert "Setting up" not in again.stdout


def main() -> None:
    """Try it, in a root that is removed again."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--base", type=Path, help="a root that debootstrap has made before")
    parser.add_argument(
        "--unless-proven", action="store_true", help="not if nothing has changed since it passed"
    )
    given = parser.parse_args()
    if given.unless_proven and PROVEN.exists() and PROVEN.read_text().strip() == state():
        print("start-check: nothing has changed since it passed")
        return
    if reason := refusal():
        print(f"start-check: skipped, {reason}")
        return
    with tempfile.TemporaryDirectory(prefix="start-check-") as folder:
        debian = Debian(Path(folder))
        debian.fill(given.base)
        check(debian)
    PROVEN.write_text(f"{state()}\n")
    print("start-check: passed")


if __name__ == "__main__":
    main()
