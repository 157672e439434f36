"""`[models]`: where engines in this process keep the files that they download."""

from __future__ import annotations

from pathlib import Path

from pydantic import field_validator

from settings.group import Group
from settings.localisation import _


class ModelsConfig(Group):
    """Files of models that engines in this process download."""

    dir: Path | None = None
    """Folder for all of them, each engine in one of its own. None, or an empty variable: the
    user's cache (`XDG_CACHE_HOME`, or `~/.cache`). A stage's `options.download_dir` counts before
    it."""

    @field_validator("dir", mode="before")
    @classmethod
    def _empty_is_none(cls, folder: object) -> object:
        """Let `REALTIME_MODELS__DIR=` undo what an image has set; it is not the current folder."""
        return folder or None

    @field_validator("dir")
    @classmethod
    def _check_dir(cls, folder: Path | None) -> Path | None:
        """Refuse what can be no folder."""
        if folder is None:
            return None
        folder = folder.expanduser().absolute()
        if folder.exists() and not folder.is_dir():
            raise ValueError(
                _("{folder} is no folder; name one, or one that can be made").format(folder=folder)
            )
        return folder
