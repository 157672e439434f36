"""Installs llama.cpp, prebuilt for Node, and runs it with the tiny model."""

from __future__ import annotations

import asyncio
import json
import platform
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.foreign_clients.installed import install
from tests.providers.llama.tiny_gguf import make_tiny_gguf

HERE = Path(__file__).parent
PACKAGE = HERE / "package.json"
MODEL = "tiny"
START_S = 60
BINARIES = {
    ("Linux", "x86_64"): "linux-x64",
    ("Linux", "aarch64"): "linux-arm64",
    ("Darwin", "arm64"): "mac-arm64-metal",
    ("Darwin", "x86_64"): "mac-x64",
    ("Windows", "AMD64"): "win-x64",
    ("Windows", "ARM64"): "win-arm64",
}
"""System and processor → the package of node-llama-cpp that has llama.cpp built for it."""


def _install() -> str | None:
    """Install what is needed; returns why that cannot be done."""
    here = (platform.system(), platform.machine())
    if here not in BINARIES:
        return f"there is no prebuilt llama.cpp for {' '.join(here)}"
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            return f"{name} is not installed"
    version = json.loads(PACKAGE.read_text())["dependencies"]["node-llama-cpp"]
    command = (
        *(str(shutil.which("npm")), "install", f"@node-llama-cpp/{BINARIES[here]}@{version}"),
        # Without these, builds for graphics cards would come too, or one be made from source.
        *("--omit=optional", "--ignore-scripts"),
        *("--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"),
    )
    reason = install((command,), HERE / "node_modules", PACKAGE)
    return reason and f"npm could not install llama.cpp: {reason}"


@asynccontextmanager
async def llama_server(folder: Path) -> AsyncIterator[str]:
    """Serve the tiny model; yields the origin. Skips the test where that is not possible."""
    if reason := _install():
        pytest.skip(reason)
    model = folder / "tiny.gguf"
    make_tiny_gguf(model)
    process = await asyncio.create_subprocess_exec(
        *("node", str(HERE / "server.mjs"), str(model), MODEL),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_S):
            port = (await process.stdout.readline()).decode().strip()
        assert port, "llama.cpp did not start"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()
