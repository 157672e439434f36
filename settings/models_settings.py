"""`[models]`: where engines in this process keep the files that they download."""

from __future__ import annotations

from settings.folders import Folder
from settings.group import Group


class ModelsConfig(Group):
    """Files of models that engines in this process download."""

    dir: Folder = None
    """Folder for all of them, each engine in one of its own. None, or an empty variable: the
    user's cache (`XDG_CACHE_HOME`, or `~/.cache`). A stage's `options.download_dir` counts before
    it."""
