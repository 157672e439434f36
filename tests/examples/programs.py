"""Runs the programs of `examples/` as their readers do, and keeps what they say."""

from __future__ import annotations

import asyncio
import os
import sys
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import soxr

from audio.pcm import read_wav
from tests.support.places import DATA, ROOT

EXAMPLES = ROOT / "examples"
PATIENCE_S = 90
LOUD = 300
"""Root mean square of 16-bit samples that is certainly speech and no hiss."""


def spoken_file(path: Path, rate: int, clip: str = "flite-slt_s01") -> Path:
    """Write a test clip as a WAV file of a rate."""
    pcm = np.frombuffer(read_wav(DATA / f"{clip}.wav"), np.int16)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(soxr.resample(pcm, 24000, rate).astype("<i2").tobytes())
    return path


def loudness(path: Path, rate: int) -> float:
    """Return the root mean square of a WAV file, which must have a rate."""
    with wave.open(str(path), "rb") as file:
        assert file.getframerate() == rate
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return float(np.sqrt(np.mean(pcm.astype(float) ** 2)))


async def run(
    *command: str, folder: Path, typed: str = "", environment: dict[str, str] | None = None
) -> str:
    """Run a program to its end, and return what it printed.

    Args:
        command: The program and its arguments.
        folder: Where it runs.
        typed: What is typed to it.
        environment: Variables that it is given.
    """
    status, out, err = await _end(command, folder, typed, environment)
    assert status == 0, err[-3000:]
    return out


async def refused(*command: str, folder: Path, environment: dict[str, str] | None = None) -> str:
    """Run a program that cannot go on, and return the one sentence in which it has to say why."""
    status, _, err = await _end(command, folder, "", environment)
    assert status != 0
    (sentence,) = err.splitlines()
    return sentence


async def _end(
    command: tuple[str, ...], folder: Path, typed: str, environment: dict[str, str] | None
) -> tuple[int | None, str, str]:
    """Run a program; return its exit status, and what it wrote to its output and to its errors."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, **(environment or {}), "PYTHONUNBUFFERED": "1"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate(typed.encode())
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, out.decode(), err.decode()


async def refused_python(name: str, *arguments: str, folder: Path, **options: object) -> str:
    """Run one of the examples in Python that cannot go on, and return why."""
    program = str(EXAMPLES / f"{name}.py")
    return await refused(sys.executable, program, *arguments, folder=folder, **options)  # type: ignore[arg-type]


async def run_python(name: str, *arguments: str, folder: Path, **options: object) -> str:
    """Run one of the examples in Python to its end."""
    program = str(EXAMPLES / f"{name}.py")
    return await run(sys.executable, program, *arguments, folder=folder, **options)  # type: ignore[arg-type]


@asynccontextmanager
async def serving(*command: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program that goes on until the test is over."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        # What it still says is read, or it might wait for that.
        await process.communicate()


async def said(process: asyncio.subprocess.Process, words: bytes) -> bytes:
    """Read a program's output up to the line that has these words, and return the line."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        while words not in (line := await process.stdout.readline()):
            assert line, "the program ended"
    return line
