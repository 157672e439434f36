"""A checkout in small: our programs that set up, and requirements that a folder can serve."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import ZipFile

from tests.support.places import ROOT

UV = Path(sys.prefix) / ("Scripts/uv.exe" if os.name == "nt" else "bin/uv")
SERVER = """
import sys
import small_library
print("served by", sys.prefix, *sys.argv[1:])
"""
WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

if sys.prefix == sys.base_prefix:
    sys.meta_path.insert(0, Absent())
"""


def wheel(folder: Path, name: str, version: str = "1.0") -> str:
    """Make a wheel with one empty module; returns the sum of it."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": b"",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [f"{path},sha256={_sum(content)},{len(content)}" for path, content in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]).encode()
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        for inside, content in files.items():
            archive.writestr(inside, content)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_index(simple: Path) -> None:
    """Write the pages that make a folder of folders with wheels an index."""
    for package in simple.iterdir():
        links = "".join(f'<a href="{one.name}">{one.name}</a>' for one in package.glob("*.whl"))
        (package / "index.html").write_text(f"<html><body>{links}</body></html>")


def _sum(content: bytes) -> str:
    digest = hashlib.sha256(content).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass
class Project:
    """A checkout, an index beside it, and the variables that commands in it see."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def made(cls, folder: Path) -> Project:
        """Make one in a folder."""
        project = cls(folder / "checkout")
        shutil.copytree(
            ROOT / "settings", project.folder / "settings", ignore=shutil.ignore_patterns("__pyc*")
        )
        shutil.copytree(
            ROOT / "requirements",
            project.folder / "requirements",
            ignore=shutil.ignore_patterns("*.txt", "__pycache__"),
        )
        shutil.copytree(ROOT / "profiles", project.folder / "profiles")
        shutil.copy(ROOT / "Makefile", project.folder)
        (project.folder / "main.py").write_text(SERVER)
        (project.folder / "requirements.txt").write_text("small_library>=1\n")
        simple = project.simple
        wheel(simple / "small-library", "small_library")
        # uv fetches pip for an environment; this is the one that Python has anyway.
        import ensurepip

        (simple / "pip").mkdir()
        for bundled in (Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"):
            shutil.copy(bundled, simple / "pip")
        write_index(simple)
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV", "MAKE"))
        }
        home = folder / "home"
        home.mkdir()
        project.environment = {
            **kept,
            "HOME": str(home),
            "XDG_CONFIG_DIRS": str(home / "xdg"),
            "PIP_INDEX_URL": simple.as_uri(),
            "PIP_CACHE_DIR": str(folder / "pip-cache"),
            "UV_CACHE_DIR": str(folder / "uv-cache"),
            "PATH": f"{project.programs}{os.pathsep}{_without_uv()}",
        }
        project.programs.mkdir()
        (project.programs / "python3").symlink_to(_base_python())
        return project

    @property
    def simple(self) -> Path:
        """The folder that pip and uv take for an index."""
        return self.folder.parent / "simple"

    @property
    def programs(self) -> Path:
        """A folder on PATH."""
        return self.folder.parent / "programs"

    @property
    def python(self) -> Path:
        """The Python of its `.venv`."""
        return self.folder / ".venv" / "bin" / "python"

    def embedded(self, *, good: bool) -> None:
        """Give it `requirements/embedded.txt`, with the right sum or another."""
        found = wheel(self.simple / "small-model", "small_model")
        write_index(self.simple)
        text = f"# a model\nsmall_model==1.0 \\\n    --hash=sha256:{found if good else '0' * 64}\n"
        (self.folder / "requirements" / "embedded.txt").write_text(text)

    def with_uv(self) -> None:
        """Put the real uv on PATH."""
        (self.programs / "uv").symlink_to(UV)

    def without(self, *modules: str) -> None:
        """Take modules from the Python of the system, as Debian does with `ensurepip`."""
        folder = self.folder.parent / "without"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(WITHOUT.format(names=modules))
        self.environment["PYTHONPATH"] = str(folder)

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, to its end."""
        return subprocess.run(
            command or ("make", "run"),
            cwd=self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def starts(self, *command: str, **variables: str) -> str:
        """Run a command, which must end well, and return what it said."""
        done = self.run(*command, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def refuses(self, *command: str, **variables: str) -> str:
        """Run a command, which must end badly, and return its complaint."""
        done = self.run(*command, **variables)
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stderr
        lines = [line for line in done.stderr.splitlines() if not line.startswith("make: ")]
        return "\n".join(lines)

    def interrupted(self, waiting: subprocess.Popen[str]) -> int:
        """Press Ctrl-C in the terminal of a command; returns its exit status."""
        os.killpg(waiting.pid, signal.SIGINT)
        return waiting.wait(timeout=180)


def _base_python() -> str:
    return str(getattr(sys, "_base_executable", sys.executable))


def _without_uv() -> str:
    """PATH without the folders that have uv, or an environment's Python."""
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not (Path(folder) / "uv").exists())
