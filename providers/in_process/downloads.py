"""Downloads model files on the first start, atomically, with visible progress.

Several hundred megabytes take minutes. On a terminal there is a progress bar; in a log, a line for
every 10 %.

Several processes may share a folder and start together. So each writes to a file of its own beside
the one that is wanted, which gets its name when it is complete.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
from tqdm import tqdm

from config import STTConfig, TTSConfig
from providers.base import ProviderSetupError
from providers.in_process.hub import HUB
from providers.in_process.soundness import IntegrityCheck, Unsound, refuse_answer
from settings.localisation import _

_MIRRORS: Mapping[str, str] = {HUB: "HF_ENDPOINT", "https://github.com": "GITHUB_ENDPOINT"}
"""An address → the variable that names a mirror of all that is there."""
_ABANDONED_S = 3600
"""Seconds without a further byte behind which a file's writer is gone: it was killed."""
_OFFLINE = ("1", "ON", "YES", "TRUE")
_UNITS: Mapping[str, Any] = {"unit": "B", "unit_scale": True, "unit_divisor": 1024}

T = TypeVar("T")


class Progress(tqdm):  # type: ignore[misc]
    """Progress of one file: a bar on a terminal, else a log line for every 10 %."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Start; the arguments are those of tqdm."""
        self._title = kwargs.get("desc") or ""
        self._on_terminal = sys.stderr.isatty()
        super().__init__(*args, **{**kwargs, "disable": not self._on_terminal})

    def update(self, n: float | None = 1) -> bool | None:
        """Count `n` more bytes."""
        if self._on_terminal:
            return bool(super().update(n))
        before = self._tenths()
        self.n += n or 0
        if (tenths := self._tenths()) > before:
            size = tqdm.format_sizeof(self.total, "B", 1024)
            print(f"{self._title}: {tenths * 10} % of {size}", file=sys.stderr, flush=True)
        return None

    def _tenths(self) -> int:
        return int(10 * self.n / self.total) if self.total else 0


# tqdm's default lock is one for several processes, and starts a tracker process.
Progress.set_lock(threading.RLock())


class _Stopped(Exception):
    """The download was cancelled."""


async def in_background(work: Callable[[type[Progress]], T]) -> T:
    """Download on a thread; if the caller is cancelled, the thread ends at its next byte.

    Args:
        work: Downloads, and reports to progress bars of the class it gets.
    """
    stopped = threading.Event()

    class Stoppable(Progress):
        def update(self, n: float | None = 1) -> bool | None:
            if stopped.is_set():
                raise _Stopped
            return super().update(n)

    try:
        return await asyncio.to_thread(work, Stoppable)
    finally:
        stopped.set()


def mirrored(url: str) -> str:
    """Return an address, at a mirror instead if the environment names one.

    Args:
        url: At Hugging Face (`HF_ENDPOINT`), GitHub (`GITHUB_ENDPOINT`) or elsewhere.
    """
    for origin, variable in _MIRRORS.items():
        mirror = os.environ.get(variable)
        if mirror and url.startswith(f"{origin}/"):
            return mirror.rstrip("/") + url.removeprefix(origin)
    return url


def hub_is_offline() -> bool:
    """Return whether `HF_HUB_OFFLINE` forbids asking Hugging Face."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in _OFFLINE


async def fetch(files: Mapping[Path, str], config: STTConfig | TTSConfig) -> None:
    """Download the files that are not there yet, one after another.

    A file appears under its name only when it is complete.

    Args:
        files: Where a file goes → its address, for which a mirror may stand in (`mirrored`).
            Missing folders are made.
        config: Settings of the provider: time-outs and retries.

    Raises:
        ProviderSetupError: A file cannot be downloaded; the message says why, and where to put it
            by hand.
    """

    def work(progress: type[Progress]) -> None:
        for target, url in files.items():
            if not target.is_file():
                _fetch(url, target, config, progress)

    await in_background(work)


_HERE = {f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")}
"""A mirror on this machine is asked without the proxies of the environment."""


_AS_IT_IS = {"Accept-Encoding": "identity"}


def _fetch(
    original: str, target: Path, config: STTConfig | TTSConfig, progress: type[Progress]
) -> None:
    url = mirrored(original)
    told = _("Downloading {url} to {target}").format(url=url, target=target)
    print(told, file=sys.stderr, flush=True)
    timeout = httpx.Timeout(config.timeout_s, connect=config.connect_timeout_s)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            _part_of(target) as part,
            httpx.Client(
                timeout=timeout, follow_redirects=True, mounts=_HERE, headers=_AS_IT_IS
            ) as client,
        ):
            _insist(client, url, part, target.name, config.retries, progress)
            _name(part, target)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ImportError, Unsound) as error:
        reason = str(error) or type(error).__name__
        if isinstance(error, httpx.HTTPStatusError):
            reason = f"HTTP {error.response.status_code}"
        raise ProviderSetupError(
            _(
                "{url} could not be downloaded ({reason}). Check the network (heeded are "
                "{variables}) and the disk, or fetch it by other means and save it as {target}."
            ).format(
                url=url,
                reason=reason,
                variables=", ".join(["HTTPS_PROXY", *_mirrors_of(original)]),
                target=target,
            )
        ) from error


def _mirrors_of(url: str) -> list[str]:
    return [variable for origin, variable in _MIRRORS.items() if url.startswith(f"{origin}/")]


@contextmanager
def _part_of(target: Path) -> Iterator[Path]:
    """Yield a name that nobody else writes to, in the same folder; it is gone at the end."""
    for other in target.parent.glob("*.part"):
        if other.name.startswith(f"{target.name}."):
            _remove_abandoned(other)
    part = target.with_name(f"{target.name}.{secrets.token_hex(8)}.part")
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _remove_abandoned(part: Path) -> None:
    with suppress(OSError):
        if time.time() - part.stat().st_mtime > _ABANDONED_S:
            part.unlink()


def _name(part: Path, target: Path) -> None:
    try:
        part.replace(target)
    except PermissionError:
        # Windows replaces no file that is open: another process was quicker, and reads it.
        if not target.is_file():
            raise


def _insist(
    client: httpx.Client,
    url: str,
    part: Path,
    name: str,
    retries: int,
    progress: type[Progress],
) -> None:
    for left in reversed(range(retries + 1)):
        try:
            _download(client, url, part, name, progress)
            return
        except httpx.TransportError:
            if not left:
                raise


def _download(
    client: httpx.Client, url: str, part: Path, name: str, progress: type[Progress]
) -> None:
    with client.stream("GET", url) as response:
        response.raise_for_status()
        refuse_answer(response)
        check = IntegrityCheck(name, [*response.history, response])
        size = int(response.headers.get("Content-Length", 0)) or None
        with part.open("wb") as file, progress(total=size, desc=name, **_UNITS) as bar:
            for piece in response.iter_raw():
                file.write(piece)
                check.add(piece)
                bar.update(len(piece))
        check.verify()
