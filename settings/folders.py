"""A folder as a setting: none if nothing is given, and never a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from settings.localisation import _


def _empty_is_none(folder: object) -> object:
    """Let an empty variable undo what an image has set; it is not the current folder."""
    return folder or None


def _no_file(folder: Path | None) -> Path | None:
    """Refuse what can be no folder."""
    if folder is None:
        return None
    folder = folder.expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise ValueError(
            _("{folder} is no folder; name one, or one that can be made").format(folder=folder)
        )
    return folder


Folder = Annotated[Path | None, AfterValidator(_no_file), BeforeValidator(_empty_is_none)]
"""An absolute path of a folder, which need not exist; None: none is named."""
