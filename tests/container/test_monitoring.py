"""The dashboard and the alarms ask for what the server counts, as Prometheus understands it."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from telemetry.metrics import Metrics
from tests.support.places import ROOT
from tests.support.running_server import plain_http, running, scripted_settings
from tests.support.wire_client import client

DASHBOARD: dict[str, Any] = json.loads(
    (ROOT / "deploy/grafana/dashboards/server.json").read_text(encoding="utf-8")
)
ALARMS = (ROOT / "deploy/prometheus/alarms.yaml").read_text(encoding="utf-8")
SCRAPING = (ROOT / "deploy/prometheus/prometheus.yaml").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
VARIABLES = {"$instance": ".*", "$stack": ".*", "$__rate_interval": "1m"}
KEY = "a-key-of-prometheus"
CONFIGURATION = "/etc/prometheus/"


def expressions() -> dict[str, str]:
    """What is asked, by the panel's title or the alarm's name."""
    panels = {
        f"{panel['title']}, {target['refId']}": target["expr"]
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", [])
    }
    rules = yaml.safe_load(ALARMS)["groups"][0]["rules"]
    return panels | {rule["alert"]: rule["expr"] for rule in rules}


async def counted() -> set[str]:
    """Return the names of all samples. They count the tasks of the event loop, so it needs one."""
    found = {"up"}
    for family in text_string_to_metric_families(Metrics().exposition().decode()):
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        found |= {family.name + ending for ending in endings.get(family.type, ("",))}
    return found


def labels_of(sample: str) -> set[str]:
    """Return the labels that a metric is documented with, and those that Prometheus adds."""
    metric = sample.removesuffix("_bucket")
    row = re.search(rf"^\| `{metric}` \|[^|]*\|([^|]*)\|", OPERATIONS, re.MULTILINE)
    return {"job", "instance", *(re.findall(r"`(\w+)`", row[1]) if row else ())}


@pytest.mark.parametrize("title", sorted(expressions()))
async def test_what_is_asked_for_is_counted(title: str) -> None:
    asked = re.findall(r"\b((?:realtime|process)_\w+|up)\b(?:\{([^}]*)\})?", expressions()[title])
    assert asked
    there = await counted()
    for name, selector in asked:
        assert name in there, f"{name} is no metric of the server's"
        labels = set(re.findall(r"(\w+)\s*=~?", selector))
        assert labels <= labels_of(name), f"{name} has no {labels - labels_of(name)}"
    by = re.search(r"by \(([^)]*)\)", expressions()[title])
    grouped = {label.strip() for label in by[1].split(",")} - {"le"} if by else set[str]()
    assert grouped <= set[str]().union(*(labels_of(name) for name, _selector in asked))


async def test_every_metric_of_the_server_is_on_the_dashboard_or_made_of_it() -> None:
    text = json.dumps([panel.get("targets") for panel in DASHBOARD["panels"]])
    shown = {name.removesuffix("_bucket") for name in re.findall(r"realtime_\w+", text)}
    made = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(Metrics().exposition().decode())
        if family.name.startswith("realtime_") and not family.name.endswith("_created")
    }
    assert made - shown == set(), "add a panel"
    assert shown - made == set()


def test_panels_neither_overlap_nor_share_a_number() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(numbers) == len({*numbers})


@asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[httpx.AsyncClient]:
    """Run Prometheus by the files of `deploy/`, with another address and key; yields its API."""
    (folder / "key").write_text(KEY)
    (folder / "alarms.yaml").write_text(ALARMS)
    scraping = SCRAPING.replace("/run/secrets/metrics_key", str(folder / "key"))
    scraping = scraping.replace("server:8000", target).replace(": 15s", ": 200ms")
    (folder / "prometheus.yaml").write_text(scraping)
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={folder}/prometheus.yaml",
        f"--storage.tsdb.path={folder}/data",
        "--web.listen-address=127.0.0.1:0",
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    drained: asyncio.Task[bytes] | None = None
    try:
        async with asyncio.timeout(30):
            said = b""
            while not (address := re.search(rb"127\.0\.0\.1:[1-9]\d*", said)):
                line = await process.stderr.readline()
                assert line, said.decode()
                said += line if b"Listening on" in line else b""
        drained = asyncio.create_task(process.stderr.read())
        async with plain_http(base_url=f"http://{address[0].decode()}") as http:
            yield http
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        if drained is not None:
            await drained


async def values(http: httpx.AsyncClient, expression: str) -> list[Any]:
    """Evaluate an expression as Grafana does."""
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    answer = (await http.get("/api/v1/query", params={"query": expression})).json()
    assert answer["status"] == "success", f"{expression}: {answer}"
    result: list[Any] = answer["data"]["result"]
    return result


async def test_prometheus_scrapes_with_its_key_and_understands_every_question(
    tmp_path: Path,
) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    settings = scripted_settings(server={"api_keys": ["a-key-of-the-clients", KEY]})
    async with (
        running(settings) as server,
        prometheus(tmp_path, f"127.0.0.1:{server.port}") as http,
    ):
        bearer = {"Authorization": "Bearer a-key-of-the-clients"}
        async with client(server.url, additional_headers=bearer) as wire:
            await wire.say("hi")
            await wire.until("response.done")
            async with asyncio.timeout(30):
                while not await values(http, "realtime_sessions_active == 1"):
                    pass
        async with asyncio.timeout(30):
            rates = 'rate(realtime_responses_total{outcome="completed"}[1m])'
            while not await values(http, f"up == 1 and on () {rates}"):
                pass
            for title, expression in expressions().items():
                found = await values(http, expression)
                if title in ("Open sessions, A", "Event loop, late by, A", "Responses, A"):
                    assert found, title
            groups = (await http.get("/api/v1/rules")).json()["data"]["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            assert {rule["name"] for rule in rules} < expressions().keys()
            assert {rule["lastError"] for rule in rules if "lastError" in rule} <= {""}
