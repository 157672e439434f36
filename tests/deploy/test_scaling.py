"""What autoscalers and alarms ask Prometheus is counted by the server, and means what it should."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from telemetry.metrics import Metrics
from tests.deploy.compositions import COMPOSITIONS
from tests.deploy.helm import NAME, NAMESPACE, one, rendered
from tests.support.places import ROOT

ADAPTER: dict[str, Any] = yaml.safe_load(
    (ROOT / "deploy" / "prometheus" / "adapter-values.yaml").read_text(encoding="utf-8")
)
PODS = f'namespace="{NAMESPACE}",service="{NAME}-pods"'
SERIES = {
    f'realtime_sessions_active{{{PODS},pod="a",stack="default"}}': 40,
    f'realtime_sessions_active{{{PODS},pod="a",stack="fast"}}': 2,
    f'realtime_sessions_active{{{PODS},pod="b",stack="default"}}': 30,
    # It drains: its places are nobody's.
    f'realtime_sessions_active{{{PODS},pod="c",stack="default"}}': 90,
    # Another release.
    'realtime_sessions_active{namespace="talk",service="x-pods",pod="x",stack="default"}': 500,
}
DRAINS = f'kube_pod_deletion_timestamp{{namespace="{NAMESPACE}",pod="c"}}'


def adapter_query() -> str:
    """Return what the adapter asks for the pods of the autoscaler."""
    [rule] = ADAPTER["rules"]["custom"]
    query: str = rule["metricsQuery"]
    for placeholder, value in {
        "<<.Series>>": re.sub(r"\{.*", "", rule["seriesQuery"]),
        "<<.LabelMatchers>>": f'namespace="{NAMESPACE}",pod=~"a|b|c"',
        "<<.GroupBy>>": "pod",
    }.items():
        assert placeholder in query
        query = query.replace(placeholder, value)
    return query


def keda_trigger() -> dict[str, str]:
    [trigger] = one(rendered(COMPOSITIONS["keda"]), "ScaledObject")["spec"]["triggers"]
    found: dict[str, str] = trigger["metadata"]
    return found


def keda_query() -> str:
    return keda_trigger()["query"]


async def test_both_ask_for_a_metric_that_the_server_has() -> None:
    made = {
        family.name
        for family in text_string_to_metric_families(Metrics().exposition().decode())
        if family.name == "realtime_sessions_active"
    }
    scaler = one(rendered(COMPOSITIONS["production"]), "HorizontalPodAutoscaler")
    [metric] = scaler["spec"]["metrics"]
    assert {metric["pods"]["metric"]["name"]} == made
    assert made == {*re.findall(r"realtime_\w+", keda_trigger()["query"])}
    assert made == {*re.findall(r"realtime_\w+", ADAPTER["rules"]["custom"][0]["seriesQuery"])}


def test_both_want_another_pod_before_one_is_full() -> None:
    manifests = rendered(COMPOSITIONS["production"])
    [metric] = one(manifests, "HorizontalPodAutoscaler")["spec"]["metrics"]
    wanted = int(metric["pods"]["target"]["averageValue"])
    [server] = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    full = next(
        int(one["value"]) for one in server["env"] if one["name"] == "REALTIME_LIMITS__SESSIONS"
    )
    assert wanted < full
    assert int(keda_trigger()["threshold"]) < full


@pytest.mark.parametrize(
    ("query", "series", "expected"),
    [
        (keda_query, {**SERIES, DRAINS: 1}, {"{}": 72}),
        # Without kube-state-metrics nobody knows who drains.
        (keda_query, SERIES, {"{}": 162}),
        (adapter_query, {**SERIES, DRAINS: 1}, {'{pod="a"}': 42, '{pod="b"}': 30}),
        (adapter_query, SERIES, {'{pod="a"}': 42, '{pod="b"}': 30, '{pod="c"}': 90}),
    ],
    ids=["keda", "keda without kube-state-metrics", "adapter", "adapter without it"],
)
def test_what_prometheus_answers(
    query: Callable[[], str], series: dict[str, int], expected: dict[str, int], tmp_path: Path
) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool, of Prometheus, is not installed")
    samples = [{"labels": labels, "value": value} for labels, value in expected.items()]
    trial = {
        "interval": "15s",
        "input_series": [
            {"series": name, "values": f"{value}x8"} for name, value in series.items()
        ],
        "promql_expr_test": [{"expr": query(), "eval_time": "1m", "exp_samples": samples}],
    }
    file = tmp_path / "trial.yaml"
    file.write_text(yaml.safe_dump({"evaluation_interval": "15s", "tests": [trial]}))
    done = subprocess.run(
        [promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alarms_are_those_of_prometheus_without_kubernetes() -> None:
    manifests = rendered(COMPOSITIONS["production"])
    alarms = (ROOT / "deploy" / "prometheus" / "alarms.yaml").read_text(encoding="utf-8")
    assert one(manifests, "PrometheusRule")["spec"] == yaml.safe_load(alarms)
    # One of them asks for the job by its name.
    label = one(manifests, "ServiceMonitor")["spec"]["jobLabel"]
    job = one(manifests, "Service", f"{NAME}-pods")["metadata"]["labels"][label]
    assert f'up{{job="{job}"}}' in alarms
