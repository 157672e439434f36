"""`make container`: builds the image of `Dockerfile` without a registry, and tries it.

    python -m tests.container.image                    from a base that debootstrap makes
    python -m tests.container.image --base FOLDER      ... that it has made before, or will be there
    python -m tests.container.image --unless-proven    not if nothing has changed since

The image has to be as small as it is said to be, to hold no terminal client and no test tool, to
refuse to serve others without keys, and with a root that is read-only and one volume to become
healthy, to talk, to send nothing to anybody, to write nothing but below its volume, to end in good
order when it is told to, and to be the server of models of another one. It takes minutes, root's
rights, what `PROGRAMS` names, Debian's mirror and PyPI; where one of the first two is missing it
says so and does nothing. When it passes it notes the sum of what the image is made of in
`image.sum`, which is committed: so CI tries it only when that has changed.
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

from tests.container import stand_in
from tests.container.closed_network import closed_network
from tests.container.trial import Trial, try_image
from tests.support.places import ROOT

MOST_MB = 700
IMAGE = "localhost/open-realtime-server:embedded"
PROGRAMS = ("buildah", "podman", "crun", "debootstrap", "chroot", "ip", "unshare")
"""`apt install buildah podman crun debootstrap iproute2`, as far as they are not there anyway."""
PROVEN = Path(__file__).with_suffix(".sum")
PROVES = (
    ".dockerignore",
    "Dockerfile",
    "deploy/compose/models.yaml",
    "requirements.lock",
    "requirements/embedded.txt",
    "requirements/locked/*.lock",
    "requirements/leave_out.py",
    "requirements/locked_files.sh",
    "requirements/slim_down.sh",
    "serving/process/ending.py",
    "serving/process/health_check.py",
    "settings/first_signal.py",
    "settings/requirement_files.py",
    "tests/container/*.py",
)
"""What makes the image what it is, beside the server's own code."""
_HYBRID = Path("/sys/fs/cgroup/unified")


def state() -> str:
    """Return the sum of what the image is made of."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in PROVES for path in ROOT.glob(pattern)):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def refusal() -> str | None:
    """Return why it cannot be tried here; None: it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "it has to be root on Linux, to build and run an image without Docker"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"{', '.join(missing)} is not installed" if missing else None


def build(base: Path) -> None:
    """Build the image, from a base that is made if it is not there."""
    if not (base / "usr").exists():
        print(f"Debian's {stand_in.RELEASE}, by debootstrap ...", flush=True)
        stand_in.make_root(base)
    known = subprocess.run(["buildah", "inspect", stand_in.NAME], capture_output=True, check=False)
    if known.returncode:
        stand_in.make_image(base)
    command = ["buildah", "bud", "--quiet", "--layers", "--pull-never", "--format", "docker"]
    command += ["--build-arg", f"PYTHON_IMAGE={stand_in.NAME}", "--tag", IMAGE, str(ROOT)]
    print("$", *command, flush=True)
    subprocess.run(command, check=True)


def megabytes(image: str) -> float:
    """Return how large an image is, unpacked."""
    asked = ["podman", "image", "inspect", "--format", "{{.Size}}", image]
    return int(subprocess.check_output(asked, text=True)) / 1e6


def check(folder: Path, base: Path) -> None:
    """Build the image and try it; everything but the base lies in `folder`."""
    if _HYBRID.is_mount():
        # crun refuses version 2 beside version 1. This is a mount namespace of our own.
        subprocess.run(["umount", str(_HYBRID)], check=True)
    storage = folder / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "overlay"\nrunroot = "{folder}/run"\ngraphroot = "{folder}/graph"\n'
    )
    os.environ |= {"CONTAINERS_STORAGE_CONF": str(storage), "BUILDAH_ISOLATION": "chroot"}
    build(base)
    whole, below = megabytes(IMAGE), megabytes(stand_in.NAME)
    print(f"image: {whole:.0f} MB, {below:.0f} of them the base's", flush=True)
    assert whole <= MOST_MB, f"the image is larger than {MOST_MB} MB"
    with closed_network(f"image-{os.getpid()}") as network:
        try_image(Trial(IMAGE, network, folder))


def arguments() -> argparse.Namespace:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--base", type=Path, help="root of Debian's, made there if it is not")
    parser.add_argument("--keep", type=Path, help="folder for layers, to build faster again")
    parser.add_argument(
        "--unless-proven", action="store_true", help="not if nothing has changed since it passed"
    )
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Try it in a mount namespace of its own, so that nothing stays mounted."""
    given = arguments()
    if given.unless_proven and PROVEN.exists() and PROVEN.read_text().strip() == state():
        print("container: nothing has changed since it passed")
        return
    if reason := refusal():
        print(f"container: skipped, {reason}")
        return
    if not given.inside:
        again = [sys.executable, "-m", "tests.container.image", "--inside", *sys.argv[1:]]
        command = ["unshare", "--mount", "--propagation", "private", *again]
        raise SystemExit(subprocess.run(command, cwd=ROOT, check=False).returncode)
    with tempfile.TemporaryDirectory(prefix="container-") as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        try:
            check(folder, given.base or Path(temporary) / "base")
        finally:
            # The layers of the containers lie below it.
            overlay = folder / "graph" / "overlay"
            while overlay.is_mount():
                subprocess.run(["umount", "--lazy", str(overlay)], check=True)
    PROVEN.write_text(f"{state()}\n")
    print("container: passed")


if __name__ == "__main__":
    main()
