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
from tests.support.places import ROOT

COMPOSITIONS = pytest.mark.parametrize("additions", ADDITIONS, ids="+".join)
PROGRAM = """
import json
from config import load_settings
from pipeline_manager import PipelineManager
settings = load_settings()
PipelineManager(settings)
print(json.dumps({stage: [getattr(settings, stage).provider, getattr(settings, stage).api_base]
                  for stage in ("stt", "llm", "tts")}
                 | {"keys": len(settings.server.api_keys)}))
"""


def started(additions: tuple[str, ...]) -> dict[str, Any]:
    """Return what a server makes of the variables that a composition gives it."""
    given = services(additions)["server"]["environment"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
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
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def test_alone_it_is_the_embedded_stack() -> None:
    embedded = ["embedded", None]
    assert started(()) == {"stt": embedded, "llm": embedded, "tts": embedded, "keys": 1}


def test_with_everything_each_stage_is_the_service_that_was_added() -> None:
    speaches = ["openai", "http://speaches:8000/v1"]
    assert started(("ollama", "speaches", "monitoring")) == {
        "stt": speaches,
        "tts": speaches,
        "llm": ["ollama", "http://ollama:11434/v1"],
        "keys": 2,
    }


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
def test_the_server_gets_no_more_rights_than_it_needs(additions: tuple[str, ...]) -> None:
    server = services(additions)["server"]
    assert server["read_only"]
    assert server["cap_drop"] == ["ALL"]
    assert server["security_opt"] == ["no-new-privileges:true"]
    assert [mount["target"] for mount in server["volumes"]] == ["/var/cache/open-realtime-server"]


@pytest.mark.parametrize(
    ("additions", "given", "missing"),
    [
        ((), {}, "REALTIME_API_KEYS"),
        (("monitoring",), {"REALTIME_API_KEYS": KEYS["REALTIME_API_KEYS"]}, "REALTIME_METRICS_KEY"),
    ],
)
def test_without_a_key_it_says_which(
    additions: tuple[str, ...], given: dict[str, str], missing: str
) -> None:
    done = composed(additions, **given)
    assert done.returncode != 0
    assert missing in done.stderr
    assert "16 characters" in done.stderr
