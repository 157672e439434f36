"""Dashboards and alarms ask for what the servers count, as Prometheus understands it."""

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

from models_http.engines import Engines
from models_http.metrics import CallMetrics
from telemetry.metrics import Metrics
from tests.support.model_server import models
from tests.support.places import ROOT
from tests.support.running_server import plain_http, running, scripted_settings
from tests.support.wire_client import client

pytestmark = pytest.mark.long

DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
}
PREFIXES = {"server": "realtime_", "models": "models_"}
"""What the names of a dashboard's metrics begin with."""
ALARMS = (ROOT / "deploy/prometheus/alarms.yaml").read_text(encoding="utf-8")
SCRAPING = (ROOT / "deploy/prometheus/prometheus.yaml").read_text(encoding="utf-8")
DOCUMENTED = "".join(
    (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("operations.md", "model-server.md")
)
VARIABLES = {"$instance": ".*", "$stack": ".*", "$kind": ".*", "$__rate_interval": "1m"}
KEY = "a-key-of-prometheus"
CONFIGURATION = "/etc/prometheus/"


def expressions() -> dict[str, str]:
    """What is asked, by the panel's title or the alarm's name."""
    panels = {
        f"{name}: {panel['title']}, {target['refId']}": target["expr"]
        for name, dashboard in DASHBOARDS.items()
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    }
    rules = yaml.safe_load(ALARMS)["groups"][0]["rules"]
    return panels | {rule["alert"]: rule["expr"] for rule in rules}


def exposed() -> dict[str, str]:
    """What each server tells. They count the tasks of the event loop, so it needs one."""
    engines = Engines(scripted_settings())
    return {
        "server": Metrics().exposition().decode(),
        "models": CallMetrics(engines).exposition().decode(),
    }


async def counted() -> set[str]:
    """Return the names of all samples."""
    found = {"up"}
    for family in text_string_to_metric_families("".join(exposed().values())):
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        found |= {family.name + ending for ending in endings.get(family.type, ("",))}
    return found


def labels_of(sample: str) -> set[str]:
    """Return the labels that a metric is documented with, and those that Prometheus adds."""
    metric = sample.removesuffix("_bucket")
    row = re.search(rf"^\| `{metric}` \|[^|]*\|([^|]*)\|", DOCUMENTED, re.MULTILINE)
    return {"job", "instance", *(re.findall(r"`(\w+)`", row[1]) if row else ())}


@pytest.mark.parametrize("title", sorted(expressions()))
async def test_what_is_asked_for_is_counted(title: str) -> None:
    named = r"\b((?:realtime|models|process)_\w+|up)\b(?:\{([^}]*)\})?"
    asked = re.findall(named, expressions()[title])
    assert asked
    there = await counted()
    for name, selector in asked:
        assert name in there, f"{name} is no metric of the servers'"
        labels = set(re.findall(r"(\w+)\s*=~?", selector))
        assert labels <= labels_of(name), f"{name} has no {labels - labels_of(name)}"
    by = re.search(r"by \(([^)]*)\)", expressions()[title])
    grouped = {label.strip() for label in by[1].split(",")} - {"le"} if by else set[str]()
    assert grouped <= set[str]().union(*(labels_of(name) for name, _selector in asked))


@pytest.mark.parametrize("dashboard", sorted(PREFIXES))
async def test_every_metric_of_a_server_is_on_its_dashboard_and_no_other(dashboard: str) -> None:
    prefix = PREFIXES[dashboard]
    text = json.dumps([panel.get("targets") for panel in DASHBOARDS[dashboard]["panels"]])
    shown = {name.removesuffix("_bucket") for name in re.findall(r"(?:realtime|models)_\w+", text)}
    made = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(exposed()[dashboard])
        if family.name.startswith(prefix) and not family.name.endswith("_created")
    }
    assert made - shown == set(), "add a panel"
    assert shown - made == set()


def test_no_two_dashboards_are_taken_for_one() -> None:
    assert DASHBOARDS.keys() == PREFIXES.keys()
    for what in ("uid", "title"):
        assert len({dashboard[what] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS)


@pytest.mark.parametrize("dashboard", sorted(DASHBOARDS))
def test_panels_neither_overlap_nor_share_a_number(dashboard: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARDS[dashboard]["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    numbers = [panel["id"] for panel in DASHBOARDS[dashboard]["panels"]]
    assert len(numbers) == len({*numbers})


@asynccontextmanager
async def prometheus(
    folder: Path, target: str, models_target: str | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Run Prometheus by the files of `deploy/`, with another address and key; yields its API.

    Args:
        folder: For its files.
        target: Host and port of the server.
        models_target: Of a server of models; None: it is looked for by the name that it has in a
            composition, which is nobody's here.
    """
    (folder / "key").write_text(KEY)
    (folder / "alarms.yaml").write_text(ALARMS)
    scraping = SCRAPING.replace("/run/secrets/metrics_key", str(folder / "key"))
    scraping = scraping.replace("server:8000", target).replace(": 15s", ": 200ms")
    if models_target is not None:
        jobs = yaml.safe_load(scraping)
        job = jobs["scrape_configs"][1]
        assert job.pop("dns_sd_configs")[0]["names"] == ["models"]
        job["static_configs"] = [{"targets": [models_target]}]
        scraping = yaml.safe_dump(jobs)
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
            async with asyncio.timeout(30):
                while (await http.get("/-/ready")).status_code != 200:
                    pass
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


ALWAYS = (
    *("server: Open sessions, A", "server: Event loop, late by, A", "server: Responses, A"),
    *("server: CPU, A", "server: Memory, A"),
)
"""Panels that show something after a turn. What processes need is told by what they count."""


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
                if title in ALWAYS:
                    assert found, title
            # Where there is no server of models, nothing is asked, and nobody alarmed.
            assert await values(http, 'up{job="open-realtime-models"}') == []
            groups = (await http.get("/api/v1/rules")).json()["data"]["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            assert {rule["name"] for rule in rules} < expressions().keys()
            assert {rule["lastError"] for rule in rules if "lastError" in rule} <= {""}


async def test_a_server_of_models_is_scraped_with_the_same_key(tmp_path: Path) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    settings = scripted_settings(server={"api_keys": ["a-key-of-the-gateways", KEY]})
    async with (
        models(settings, key="a-key-of-the-gateways") as served,
        prometheus(tmp_path, "127.0.0.1:9", served.http.removeprefix("http://")) as http,
    ):
        async with asyncio.timeout(60):
            while not await values(http, 'up{job="open-realtime-models"} == 1'):
                pass
            # Rates need calls between two looks.
            done = 'rate(models_calls_total{kind="tts", outcome="completed"}[1m]) > 0'
            while not await values(http, done):
                await served.sdk.audio.speech.create(
                    model="tts-1", voice="alloy", input="Good day.", response_format="pcm"
                )
        found = {
            title
            for title, expression in expressions().items()
            if title.startswith("models: ") and await values(http, expression)
        }
        asked = {title for title in expressions() if title.startswith("models: ")}
        assert asked - found == set()
