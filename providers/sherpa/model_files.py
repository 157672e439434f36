"""Finds the files of a model: downloaded once, or in a folder that the settings name."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from config import STTConfig, TTSConfig
from providers.base import ProviderSetupError
from providers.in_process.downloads import fetch, hub_is_offline
from providers.in_process.model_places import model_folder
from providers.sherpa.catalogue import CACHE, Model, listed
from providers.sherpa.layouts import Kind, Layout, UnknownModelError
from settings.localisation import _


@dataclass(frozen=True, slots=True)
class Found(Generic[Kind]):
    """A model whose files are there."""

    folder: Path
    layout: Layout[Kind]
    new: bool
    """Whether it may never have been loaded: it was just downloaded, or is somebody's own."""


def check_name(kind: str, name: str, models: Mapping[str, Model[Kind]]) -> None:
    """Check that a model can be found later.

    Args:
        kind: `stt` or `tts`.
        name: A published model, or a folder.
        models: The published ones.

    Raises:
        ProviderSetupError: It is neither.
    """
    if name not in models and not Path(name).expanduser().is_dir():
        raise ProviderSetupError(
            _(
                "{kind}.model '{name}' is neither a folder nor a model that sherpa finds by its "
                "name: choose one of {models}, or a folder with another model from "
                "https://k2-fsa.github.io/sherpa/onnx (REALTIME_{variable}__MODEL)."
            ).format(kind=kind, name=name, models=listed(models), variable=kind.upper())
        )


async def find(
    config: STTConfig | TTSConfig,
    name: str,
    models: Mapping[str, Model[Kind]],
    recognise: Callable[[Path], Layout[Kind]],
    given: Path | None,
) -> Found[Kind]:
    """Return where a model is and what it is made of, downloading what is missing.

    Args:
        config: Time-outs and retries of downloads.
        name: As `check_name` accepts it.
        models: The published models.
        recognise: Tells what a folder has.
        given: The stage's `options.download_dir`, where downloads are kept.

    Raises:
        ProviderSetupError: A file cannot be downloaded, or the folder has no such model.
    """
    model = models.get(name)
    if model is None:
        folder, layout = await asyncio.to_thread(_look_into, name, recognise)
        return Found(folder, layout, new=True)
    cache = model_folder(config, given, CACHE)
    missing = {file: url for file, url in model.addresses(cache).items() if not file.is_file()}
    if missing and hub_is_offline():
        file, address = next(iter(missing.items()))
        raise ProviderSetupError(
            _(
                "{file} is missing, and HF_HUB_OFFLINE forbids to download it: unset that "
                "variable, or fetch {address} by other means and save it there."
            ).format(file=file, address=address)
        )
    if missing:
        told = _("Downloading {name}, {size} MB ({licence})").format(
            name=name, size=model.megabytes, licence=model.licence
        )
        print(told, file=sys.stderr, flush=True)
        await fetch(missing, config)
    return Found(model.folder(cache), model.layout, new=bool(missing))


def _look_into(name: str, recognise: Callable[[Path], Layout[Kind]]) -> tuple[Path, Layout[Kind]]:
    folder = Path(name).expanduser()
    try:
        return folder, recognise(folder)
    except UnknownModelError as error:
        raise ProviderSetupError(
            _(
                "The folder {folder} has no model that sherpa can use: {reason}. Unpack a model "
                "from https://k2-fsa.github.io/sherpa/onnx there, as it is."
            ).format(folder=folder, reason=error)
        ) from error
