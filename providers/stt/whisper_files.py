"""Finds the files of a Whisper model: in a folder, in Hugging Face's cache, or on its hub.

A model that is in the cache needs no network.
"""

from __future__ import annotations

import sys
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError

from config import STTConfig
from providers.base import ProviderSetupError
from providers.in_process.downloads import Progress, hub_is_offline, in_background
from providers.in_process.hub import HUB
from providers.in_process.soundness import refuse_file
from providers.stt.whisper_models import REPOSITORIES, megabytes
from settings.localisation import _

_WANTED = (
    "config.json",
    "preprocessor_config.json",
    "model.bin",
    "tokenizer.json",
    "vocabulary.*",
)
_NEEDED = ("config.json", "model.bin", "tokenizer.json")


async def model_folder(name: str, config: STTConfig, cache: Path | None) -> Path:
    """Return the folder of a model, downloading it first if need be.

    Args:
        name: A short name, a repository (`owner/name`) or a folder.
        config: Time-outs.
        cache: Where downloads are kept; None: where Hugging Face keeps its own.

    Raises:
        ProviderSetupError: There is no such model, or it cannot be downloaded.
    """
    return await in_background(lambda progress: _find(name, config, cache, progress))


def _find(name: str, config: STTConfig, cache: Path | None, progress: type[Progress]) -> Path:
    folder = Path(name).expanduser()
    if folder.is_dir():
        if lacking := _lacking(folder):
            raise ProviderSetupError(
                _(
                    "The folder {folder} (stt.model) has no {lacking}: convert the model with "
                    "ct2-transformers-converter --copy_files tokenizer.json"
                ).format(folder=folder, lacking=lacking)
            )
        return folder
    repository = REPOSITORIES.get(name, name)
    if name not in REPOSITORIES and (name.count("/") != 1 or name.startswith((".", "/", "~"))):
        raise ProviderSetupError(
            _(
                "stt.model '{name}' is neither a folder nor a Whisper model: choose one of "
                "{known}, a repository at Hugging Face (owner/name) or a folder with a model that "
                "CTranslate2 has converted."
            ).format(name=name, known=", ".join(REPOSITORIES))
        )
    return _cached(repository, cache) or _download(repository, config, cache, progress)


def _lacking(folder: Path) -> str | None:
    return next((name for name in _NEEDED if not (folder / name).is_file()), None)


def _cached(repository: str, cache: Path | None) -> Path | None:
    try:
        snapshot = snapshot_download(
            repository, cache_dir=cache, allow_patterns=list(_WANTED), local_files_only=True
        )
    except LocalEntryNotFoundError:
        return None
    folder = Path(snapshot)
    return None if _lacking(folder) else folder


def _download(
    repository: str, config: STTConfig, cache: Path | None, progress: type[Progress]
) -> Path:
    by_hand = _(
        "fetch the files of {address} by other means and name their folder in stt.model "
        "(REALTIME_STT__MODEL)."
    ).format(address=f"{HUB}/{repository}")
    if hub_is_offline():
        raise ProviderSetupError(
            _(
                "The Whisper model {repository} is not in the cache, and HF_HUB_OFFLINE forbids to "
                "download it: unset that variable, or {by_hand}"
            ).format(repository=repository, by_hand=by_hand)
        )
    size = megabytes(repository)
    told = _("Downloading the Whisper model {name}").format(name=repository)
    print(told + (f", {size} MB" if size else ""), file=sys.stderr, flush=True)
    try:
        found = HfApi().model_info(repository, timeout=config.connect_timeout_s)
        names = [file.rfilename for file in found.siblings or ()]
        files = [
            hf_hub_download(
                repository,
                name,
                cache_dir=cache,
                etag_timeout=config.connect_timeout_s,
                tqdm_class=progress,
            )
            for name in names
            if any(fnmatch(name, wanted) for wanted in _WANTED)
        ]
        for file in files:
            refuse_file(Path(file))
        folder = Path(files[0]).parent if files else Path()
        if lacking := _lacking(folder):
            raise FileNotFoundError(f"it has no {lacking}")
    # The hub's library also raises errors of its HTTP client and of its Rust code.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".") or repr(error)
        raise ProviderSetupError(
            _(
                "The Whisper model {repository} could not be downloaded ({reason}). Check the "
                "name, the network (HTTPS_PROXY and HF_ENDPOINT are heeded) and the disk, or "
                "{by_hand}"
            ).format(repository=repository, reason=reason, by_hand=by_hand)
        ) from error
    return folder
