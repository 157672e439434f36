"""The processes of the chart's pods, started with the variables and arguments that pods get."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.deploy.compositions import COMPOSITIONS, OWN
from tests.deploy.helm import NAME, Manifest, merged, one, rendered
from tests.deploy.pods import SECRET, arguments, container, environment
from tests.support.places import ROOT
from tests.support.running_server import plain_http
from tests.support.server_process import server_process, started
from tests.support.wire_client import client

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.name == "nt", reason="they are ended by signals"),
]

LOADED = """
import json, os, sys
from config import ConfigError, load_settings
for given in json.load(sys.stdin):
    for name in [name for name in os.environ if name.startswith("REALTIME_")]:
        del os.environ[name]
    os.environ.update(given)
    try:
        settings = load_settings()
    except ConfigError as error:
        print(json.dumps({"error": str(error)}))
        continue
    print(json.dumps({
        "server": settings.server.model_dump(mode="json"),
        "limits": settings.limits.model_dump(mode="json"),
        "webrtc": settings.webrtc.model_dump(mode="json"),
        "providers": [settings.stt.provider, settings.llm.provider, settings.tts.provider],
    }))
"""


def variables_of(manifests: list[Manifest], folder: Path, name: str = NAME) -> dict[str, str]:
    """Return a pod's variables, with its ConfigMap in a file of a folder."""
    known = environment(container(manifests, name))
    if "REALTIME_CONFIG" in known:
        file = folder / f"{name}.toml"
        file.write_text(one(manifests, "ConfigMap", name)["data"]["settings.toml"])
        known["REALTIME_CONFIG"] = str(file)
    return known


def loaded(given: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Return what the server makes of variables, for each pod."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=ROOT,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_server_takes_every_variable_of_every_pod(tmp_path: Path) -> None:
    pods: list[tuple[str, str]] = []
    given: list[dict[str, str]] = []
    for composition, values in COMPOSITIONS.items():
        manifests = rendered(values)
        for manifest in manifests:
            name = manifest["metadata"]["name"]
            if manifest["kind"] == "Deployment" and not name.endswith("-store"):
                pods.append((composition, name))
                folder = tmp_path / composition
                folder.mkdir(exist_ok=True)
                given.append(variables_of(manifests, folder, name))
    made = dict(zip(pods, loaded([*given, {"REALTIME_SERVER__DRAIN": "1"}]), strict=False))
    assert {pod: one.get("error") for pod, one in made.items()} == dict.fromkeys(pods)
    production = made["production", NAME]
    assert production["server"]["drain_s"] == 3600
    assert production["server"]["resume_s"] == 60
    assert production["server"]["console"] is False
    assert len(production["server"]["api_keys"]) == 3
    assert production["limits"]["sessions"] == 100
    assert production["providers"] == ["openai", "openai", "openai"]
    assert made["laptop", NAME]["providers"] == ["embedded", "embedded", "embedded"]
    assert made["calls", NAME]["webrtc"]["public_hosts"] == ["203.0.113.7"]
    assert made["models", NAME]["providers"] == ["openai", "openai", "openai"]


def test_a_variable_that_the_server_does_not_know_would_be_seen() -> None:
    [made] = loaded([{"REALTIME_SERVER__DRAIN": "1"}])
    assert "REALTIME_SERVER__DRAIN" in made["error"]


async def test_a_gateway_lives_and_ends_as_its_probes_and_its_grace_period_say(
    tmp_path: Path,
) -> None:
    manifests = rendered(
        merged(OWN, {"serviceMonitor": {"enabled": True}, "drain": {"seconds": 300}})
    )
    server = container(manifests)
    probes = [server[name]["httpGet"]["path"] for name in ("livenessProbe", "readinessProbe")]
    [endpoint] = one(manifests, "ServiceMonitor")["spec"]["endpoints"]
    key = SECRET[endpoint["authorization"]["credentials"]["key"]]
    clients = {"Authorization": f"Bearer {SECRET['api-keys'].split(',')[0]}"}
    async with (
        server_process(**variables_of(manifests, tmp_path)) as process,
        plain_http(base_url=process.http) as http,
    ):
        assert [(await http.get(path)).status_code for path in probes] == [200, 200]
        assert (await http.get(endpoint["path"])).status_code == 401
        bearer = {"Authorization": f"Bearer {key}"}
        told = (await http.get(endpoint["path"], headers=bearer)).text
        assert 'realtime_sessions_active{stack="default"} 0.0' in told
        async with client(process.url, additional_headers=clients) as wire:
            process.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                while (await http.get(probes[1])).status_code != 503:
                    pass
            assert (await http.get(probes[0])).status_code == 200
            await wire.say("hi")
            await wire.until("response.done")
        assert await process.ended() == 0


@asynccontextmanager
async def store(manifests: list[Manifest]) -> AsyncIterator[str]:
    """Run the store with its pod's arguments, on a socket; yields its path."""
    program = next(filter(None, map(shutil.which, ("valkey-server", "redis-server"))), None)
    if program is None:
        pytest.skip("redis-server is not installed")
    of = container(manifests, f"{NAME}-store")
    [_valkey, *options] = arguments(of, environment(of))
    # The path of a socket may have a hundred characters.
    with tempfile.TemporaryDirectory(prefix="store-") as folder:
        options[options.index("--dir") + 1] = folder
        socket = f"{folder}/store.sock"
        process = await asyncio.create_subprocess_exec(
            *(program, *options, "--port", "0", "--unixsocket", socket),
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            yield socket
        finally:
            process.terminate()
            await process.wait()


async def test_gateways_count_together_in_the_store_of_the_chart(tmp_path: Path) -> None:
    values = {"store": {"kind": "internal"}, "settings": {"limits": {"sessions_per_key": 1}}}
    manifests = rendered(merged(OWN, values))
    known = variables_of(manifests, tmp_path)
    clients = {"Authorization": f"Bearer {SECRET['api-keys'].split(',')[0]}"}
    async with store(manifests) as socket:
        _scheme, _, rest = known["REALTIME_LIMITS__STORE"].partition("://")
        password, _, _host = rest.partition("@")
        # In the cluster the Service's name stands for it.
        known["REALTIME_LIMITS__STORE"] = f"unix://{password}@{socket}"
        async with (
            server_process(**known) as first,
            server_process(**known) as second,
            client(first.url, additional_headers=clients) as wire,
            plain_http() as http,
        ):
            await wire.settled()
            told = (await http.get(f"{first.http}/metrics", headers=clients)).text
            assert f'realtime_store_reachable{{store="{socket}"}} 1.0' in told
            async with connect(second.url, additional_headers=clients, proxy=None) as other:
                refused = json.loads(await other.recv())
            assert refused["error"]["code"] == "rate_limit_exceeded"


async def test_a_server_of_models_answers_its_gateways_and_nobody_else(tmp_path: Path) -> None:
    values = {"modelServers": {"mouth": {"serves": ["tts"]}}}
    manifests = rendered(merged(OWN, values))
    server = container(manifests, f"{NAME}-mouth")
    known = variables_of(manifests, tmp_path, f"{NAME}-mouth")
    gateway = environment(container(manifests))
    [python, *command] = arguments(server, known)
    assert python == "python"
    body = {"input": "Hello.", "model": "tts-1", "voice": "alloy", "response_format": "pcm"}
    key = {"Authorization": f"Bearer {gateway['REALTIME_TTS__API_KEY']}"}
    known["REALTIME_TTS__PROVIDER"] = "scripted"
    async with (
        started([sys.executable, *command], ROOT, **known) as process,
        plain_http(base_url=process.http) as http,
    ):
        for probe in ("livenessProbe", "readinessProbe"):
            assert (await http.get(server[probe]["httpGet"]["path"])).status_code == 200
        path = f"{gateway['REALTIME_TTS__API_BASE'].partition(':8001')[2]}/audio/speech"
        assert (await http.post(path, json=body)).status_code == 401
        answer = await http.post(path, json=body, headers=key)
        assert answer.status_code == 200
        assert len(answer.content) > 1000
        process.process.send_signal(signal.SIGTERM)
        assert await process.ended() == 0
