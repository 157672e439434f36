"""`docs/operations.md` says what the code does: every limit with its default, every metric."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import ssl
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from loguru import logger
from prometheus_client.parser import text_string_to_metric_families
from websockets.typing import Subprotocol

from config import Settings
from telemetry.metrics import Metrics
from tests.support.places import ROOT
from tests.support.ports import free_port
from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import client

TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def rows(prefix: str) -> dict[str, list[str]]:
    """Return table rows whose first cell begins with `prefix`: name → the other cells."""
    found = {}
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith(f"| `{prefix}"):
            found[cells[0].strip("`").removeprefix(prefix)] = cells[1:]
    return found


DEFAULTS = Settings.model_construct()
"""Settings without an environment."""


@pytest.mark.parametrize("name", ["limits", "mcp", "server", "webrtc"])
def test_every_setting_is_in_a_table_with_its_default(name: str) -> None:
    said = {setting: cells[0] for setting, cells in rows(f"{name}.").items()}
    defaults = {setting: default(value) for setting, value in getattr(DEFAULTS, name)}
    assert said == {**defaults, **({"secret": "random"} if name == "server" else {})}


def default(value: object) -> str:
    """Return a default as the tables write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value in (None, [], {}) else str(value)


async def test_every_metric_is_listed_with_its_type() -> None:
    made = {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in text_string_to_metric_families(Metrics().exposition().decode())
        if family.name.startswith("realtime_") and not family.name.endswith("_created")
    }
    listed = {f"realtime_{name}": cells[0] for name, cells in rows("realtime_").items()}
    assert listed == made


def test_every_setting_that_is_named_exists() -> None:
    groups = "|".join(Settings.model_fields)
    # `models.yaml` and `server.json` are files.
    for group, name in re.findall(rf"`({groups})\.(?!yaml|json)(\w+)", TEXT):
        assert hasattr(getattr(Settings(), group), name), f"{group}.{name}"


def test_every_event_of_the_log_is_listed() -> None:
    logged = {
        event
        for module in (
            "telemetry/turn_log.py",
            "serving/open_sessions.py",
            "serving/calls/sidebands.py",
        )
        for event in re.findall(
            r'"((?:session|connection|transcription|call|drain|sideband)\.[a-z]+)"', code(module)
        )
        if f'event="{event}"' in code(module)
    }
    assert logged
    listed = {name for line in TEXT.splitlines() for name in re.findall(r"`([\w.]+)`", first(line))}
    assert logged | {"response", "turn"} <= listed


def code(module: str) -> str:
    return (ROOT / module).read_text(encoding="utf-8")


def first(line: str) -> str:
    """The first cell of a table's row."""
    return line.split("|")[1] if line.startswith("|") else ""


# --- the proxies ---


def snippet(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    return found[1]


def nginx(folder: Path, port: int, upstream: int) -> list[str]:
    """Return nginx's command with the document's snippet, with another port and certificate."""
    text = snippet("nginx").replace("listen 443", f"listen {port}")
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")
    text = text.replace("/etc/ssl/voice", str(folder / "voice"))
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {paths}\n{text} }}\n"
    )
    return ["nginx", "-e", "stderr", "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, port: int, upstream: int) -> list[str]:
    """Return Caddy's command with the document's snippet, likewise."""
    text = snippet("caddy").replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")
    certificate = f"tls {folder}/voice.pem {folder}/voice.key"
    text = text.replace("voice.example.com {", f"https://localhost:{port} {{\n{certificate}")
    (folder / "Caddyfile").write_text(
        f"{{\nadmin off\nauto_https off\nstorage file_system {folder}\n}}\n{text}"
    )
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


@asynccontextmanager
async def proxied(
    proxy: Callable[[Path, int, int], list[str]], folder: Path, upstream: int
) -> AsyncIterator[int]:
    """Run a proxy before the server; yields its port."""
    made = await asyncio.create_subprocess_exec(
        *["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"],
        *("-addext", "subjectAltName=DNS:localhost"),
        *("-keyout", str(folder / "voice.key"), "-out", str(folder / "voice.pem")),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await made.wait() == 0
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *proxy(folder, port, upstream),
        env={**os.environ, "HOME": str(folder)},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(20):
            while process.returncode is None:
                try:
                    _reader, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.02)
                    continue
                writer.close()
                break
        assert process.returncode is None, "the proxy does not take the snippet"
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.mark.parametrize("proxy", [nginx, caddy], ids=["nginx", "caddy"])
async def test_the_proxy_of_the_snippet_serves_sessions_and_hides_what_is_the_operators(
    proxy: Callable[[Path, int, int], list[str]], tmp_path: Path
) -> None:
    for program in (proxy.__name__, "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    key = "a-key-of-the-operator"
    bearer = {"Authorization": f"Bearer {key}"}
    opened: list[str] = []
    sink = logger.add(
        lambda message: opened.append(message.record["extra"].get("client", "")), level="INFO"
    )
    async with (
        running(scripted_settings(server={"api_keys": [key]})) as server,
        proxied(proxy, tmp_path, server.port) as port,
    ):
        trust = ssl.create_default_context(cafile=str(tmp_path / "voice.pem"))
        url = f"wss://localhost:{port}/v1/realtime"
        async with client(url, ssl=trust, additional_headers=bearer) as wire:
            await wire.say("hi")
            await wire.until("response.done")
            await wire.append(bytes(2 * 1024 * 1024), step=2 * 1024 * 1024)
            await wire.settled()
            assert not wire.of("error")
        # As browsers send the key.
        offered = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{key}")]
        async with client(url, ssl=trust, subprotocols=offered) as wire:
            assert wire.socket.subprotocol == "realtime"
        async with httpx.AsyncClient(
            base_url=f"https://localhost:{port}", verify=trust, headers=bearer
        ) as http:
            answers = {
                path: (await http.get(path)).status_code
                for path in ("/health", "/v1/models", "/metrics", "/ready")
            }
        assert answers == {"/health": 200, "/v1/models": 200, "/metrics": 404, "/ready": 404}
    logger.remove(sink)
    # The address of the proxy's client, which has no port in that header.
    assert opened[0] == "127.0.0.1:0"


def test_what_compose_can_add_is_listed_with_its_variables() -> None:
    additions = {path.name: path for path in (ROOT / "deploy" / "compose").glob("*.yaml")}
    listed = {name: cells[-1] for name, cells in rows("").items() if name in additions}
    assert listed.keys() == additions.keys()
    everywhere = {"REALTIME_API_KEYS", "TARGET", "ALSO", "GRAFANA_PORT"}
    for name, path in additions.items():
        text = re.sub(r"^\s*#.*", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        taken = set(re.findall(r"\$\{(\w+)", text)) | set(re.findall(r"^ +([A-Z_]+):$", text, re.M))
        assert set(re.findall(r"`(\w+)`", listed[name])) == taken - everywhere, name


def test_the_python_in_the_snippets_is_supported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    least = tuple(map(int, project["project"]["requires-python"].removeprefix(">=").split(".")))
    for version in re.findall(r"python:?(3\.\d+)", TEXT + DOCKERFILE):
        assert tuple(map(int, version.split("."))) >= least
