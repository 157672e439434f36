"""What Compose makes of the files: settings that the server knows, mounts that are there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.container.compositions import ADDITIONS, KEYS, composed, services
from tests.container.docker_file import stage
from tests.support.places import ROOT

pytestmark = pytest.mark.long

COMPOSITIONS = pytest.mark.parametrize("additions", ADDITIONS, ids="+".join)
PROGRAM = """
import json
from config import load_settings
from pipeline_manager import PipelineManager
settings = load_settings()
PipelineManager(settings)
print(json.dumps({stage: [getattr(settings, stage).provider, getattr(settings, stage).api_base]
                  for stage in ("stt", "llm", "tts")}
                 | {"keys": len(settings.server.api_keys), "drain_s": settings.server.drain_s,
                    "store": settings.limits.store and settings.limits.store.get_secret_value(),
                    "resume_s": settings.server.resume_s}))
"""
MODELS_PROGRAM = """
import json
from models_http.command import arguments, settings_of
from models_http.engines import Engines
from serving.access.exposure import check_exposure
settings = settings_of(arguments([]))
check_exposure(settings.server)
engines = Engines(settings)
print(json.dumps([settings.stt.provider, settings.tts.provider, len(settings.server.api_keys),
                  settings.model_server.port]))
"""
CLIENTS_KEY = {"REALTIME_API_KEYS": KEYS["REALTIME_API_KEYS"]}
LOCKED_DOWN = {"server", "models", "store"}
"""Those that may do no more than they need, as far as a composition has them."""


def started(
    additions: tuple[str, ...], service: str = "server", program: str = PROGRAM, **variables: str
) -> Any:
    """Return what a server makes of the variables that a composition gives it."""
    given = services(additions, **variables)[service]["environment"]
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            **{name: value for name, value in given.items() if value is not None},
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


ALONE = {
    **{stage: ["embedded", None] for stage in ("stt", "llm", "tts")},
    "keys": 1,
    "drain_s": 0,
    "store": None,
    "resume_s": 0,
}


def test_alone_it_is_the_embedded_stack() -> None:
    assert started(()) == ALONE


def test_with_everything_each_stage_is_the_service_that_was_added() -> None:
    speaches = ["openai", "http://speaches:8000/v1"]
    assert started(("ollama", "speaches", "monitoring")) == {
        **ALONE,
        "stt": speaches,
        "tts": speaches,
        "llm": ["ollama", "http://ollama:11434/v1"],
        "keys": 2,
    }


def test_a_gateway_finds_the_server_of_models_that_runs_beside_it() -> None:
    additions = ("ollama", "models")
    there = ["openai", "http://models:8001/v1"]
    assert started(additions) == {
        **ALONE,
        "stt": there,
        "tts": there,
        "llm": ["ollama", "http://ollama:11434/v1"],
    }
    # Prometheus' key is one of its own where there is a Prometheus.
    assert started(additions, "models", MODELS_PROGRAM, METRICS_KEY="") == [
        *("whisper", "kokoro", 1, 8001)
    ]
    assert started((*additions, "monitoring"), "models", MODELS_PROGRAM)[2] == 2


def test_a_store_comes_with_its_client_and_keeps_conversations() -> None:
    assert started(("store",)) == {**ALONE, "store": "redis://store:6379/0", "resume_s": 60}
    server = services(("store",), TARGET="local")["server"]
    assert server["build"]["args"]["ALSO"] == "redis"
    for target in ("embedded", "local"):
        assert "$WITH $ALSO" in stage(f"{target}-packages")
    also = services(("store",), ALSO="webrtc mcp")["server"]["build"]["args"]["ALSO"]
    assert also == "redis webrtc mcp"
    assert (ROOT / "requirements/locked/redis.lock").exists()


@pytest.mark.parametrize(("drain_s", "patience"), [(None, "30s"), ("600", "10m30s")])
def test_whoever_drains_is_waited_for(drain_s: str | None, patience: str) -> None:
    given = {} if drain_s is None else {"DRAIN_S": drain_s}
    assert started((), **given)["drain_s"] == float(drain_s or 0)
    assert services((), **given)["server"]["stop_grace_period"] == patience


@COMPOSITIONS
def test_what_is_built_is_a_target_of_the_dockerfile(additions: tuple[str, ...]) -> None:
    builds = [service["build"] for service in services(additions).values() if "build" in service]
    assert builds
    for build in builds:
        assert "ENTRYPOINT" in stage(build["target"]) + stage("runtime")
        assert {*(build.get("args") or {})} <= {"WITH", "ALSO", "DOWNLOAD"}


@COMPOSITIONS
def test_nobody_waits_for_what_is_not_there_and_every_file_is(additions: tuple[str, ...]) -> None:
    there = services(additions)
    for service in there.values():
        assert {*service.get("depends_on", {})} <= there.keys()
        for mount in service.get("volumes", []):
            assert mount["type"] == "volume" or Path(mount["source"]).exists(), mount


@COMPOSITIONS
def test_only_this_machine_reaches_what_is_published(additions: tuple[str, ...]) -> None:
    ports = [port for service in services(additions).values() for port in service.get("ports", [])]
    assert ports
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


@COMPOSITIONS
def test_the_servers_get_no_more_rights_than_they_need(additions: tuple[str, ...]) -> None:
    there = services(additions)
    for name in LOCKED_DOWN & there.keys():
        server = there[name]
        assert server["read_only"]
        assert server["cap_drop"] == ["ALL"]
        assert server["security_opt"] == ["no-new-privileges:true"]
        mounts = [mount["target"] for mount in server.get("volumes", [])]
        assert mounts == ([] if name == "store" else ["/var/cache/open-realtime-server"])


@pytest.mark.parametrize(
    ("additions", "given", "missing"),
    [
        ((), {}, "REALTIME_API_KEYS"),
        (("monitoring",), CLIENTS_KEY, "METRICS_KEY"),
        (("models",), CLIENTS_KEY, "MODELS_KEY"),
        (("store",), CLIENTS_KEY, "REALTIME_SERVER__SECRET"),
    ],
)
def test_without_a_key_it_says_which(
    additions: tuple[str, ...], given: dict[str, str], missing: str
) -> None:
    done = composed(additions, **given)
    assert done.returncode != 0
    assert missing in done.stderr
    assert "16 characters" in done.stderr
