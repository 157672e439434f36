"""TLS in front of a server of the tests, because some clients refuse to speak without it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Front:
    """Where the encrypted port is, and the certificate that a client has to trust."""

    port: int
    certificate: Path


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for the loopback address that nobody else trusts, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate of the test, is not installed")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = f"{openssl} req -x509 -nodes -days 2 -subj /CN=localhost"
    command += " -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
    command += " -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    return certificate, key


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def tls_front(port: int, folder: Path) -> AsyncIterator[Front]:
    """Take TLS off what arrives on a free port and pass it to `port`, like a reverse proxy."""
    certificate, key = _certificate(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))

    listener = await asyncio.start_server(join, "127.0.0.1", 0, ssl=context)
    async with listener:
        yield Front(listener.sockets[0].getsockname()[1], certificate)
