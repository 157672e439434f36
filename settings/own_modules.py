"""Where modules of one's own are looked for, which settings name as `package.module:Class`."""

from __future__ import annotations

import sys
from pathlib import Path

from settings.localisation import _


def missing(module: str, error: BaseException) -> bool:
    """Return whether an import failed because there is no such module, or none of its packages.

    Args:
        module: As the settings name it; what it imports itself may be missing too.
        error: What the import raised.
    """
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    return name is not None and (module == name or module.startswith(f"{name}."))


def where_modules_are() -> str:
    """Return where a module of one's own is looked for, as a clause of its own."""
    here = Path.cwd()
    if not {"", str(here)} & {*sys.path}:
        return _("it is looked for in the folders of PYTHONPATH, and among the installed packages")
    return _(
        "it is looked for in {folder}, in the folders of PYTHONPATH, and among the installed "
        "packages"
    ).format(folder=here)
