"""The check of the chart finds what an API server, or nobody, would."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.deploy.compositions import COMPOSITIONS, KUBERNETES, mistakes, oldest
from tests.deploy.helm import CHART, Manifest, merged, one, rendered, result


def made(composition: str, kind: str) -> Manifest:
    """Return a manifest of a composition, to be spoilt."""
    copy: Manifest = json.loads(json.dumps(one(rendered(COMPOSITIONS[composition]), kind)))
    return copy


def spoilt(manifest: Manifest, path: str, value: Any) -> Manifest:
    """Set a field that is named by its path, `spec.rules.0.retry`."""
    *way, last = path.split(".")
    place: Any = manifest
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    return manifest


@pytest.mark.parametrize(
    ("composition", "kind", "path", "value"),
    [
        ("production", "Deployment", "spec.template.spec.terminationGracePeriodSecond", 30),
        ("production", "Deployment", "spec.template.spec.containers.0.ports.0.containerPort", "x"),
        ("production", "HorizontalPodAutoscaler", "spec.maxReplica", 3),
        ("production", "ServiceMonitor", "spec.endpoints.0.intervall", "15s"),
        ("keda", "ScaledObject", "spec.triggers.0.metric", "x"),
        ("gateway api", "HTTPRoute", "spec.rules.0.retries", {}),
        ("gateway api", "HTTPRoute", "spec.rules.0.timeouts.request", "never"),
    ],
)
def test_a_field_that_nobody_knows_or_of_another_type_is_found(
    composition: str, kind: str, path: str, value: Any
) -> None:
    manifest = made(composition, kind)
    assert list(mistakes(manifest, KUBERNETES[-1])) == []
    assert any(mistakes(spoilt(manifest, path, value), KUBERNETES[-1]))


def test_a_kind_that_nobody_knows_is_found() -> None:
    manifest = made("production", "Deployment") | {"kind": "Deploymant"}
    assert "has no apps/v1 Deploymant" in next(mistakes(manifest, KUBERNETES[-1]))


def test_the_oldest_kubernetes_that_is_tried_is_that_of_the_chart() -> None:
    assert KUBERNETES[0] == oldest()
    deployment = made("as it comes", "Deployment")
    assert list(mistakes(deployment, KUBERNETES[0])) == []
    # `unhealthyPodEvictionPolicy` is from 1.26, a spread by version is from 1.25.
    assert any(mistakes(made("as it comes", "PodDisruptionBudget"), "1.25"))


def test_every_composition_is_rendered_and_has_no_advice_against_it() -> None:
    for name, values in COMPOSITIONS.items():
        assert result(values)["refusal"] == "", name
        assert result(values)["lint"] == [], name


def test_every_value_is_used_by_a_template() -> None:
    text = "".join(path.read_text() for path in (CHART / "templates").iterdir())
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    unused = [
        f"{group}.{name}" if name else group
        for group, node in schema["properties"].items()
        for name in node.get("properties", {"": None})
        if group != "global"
        and f".{name or group}" not in text
        and f"toYaml .Values.{group}" not in text
    ]
    assert unused == []


def test_what_lint_has_against_values_is_told() -> None:
    said = result(merged(COMPOSITIONS["as it comes"], {"replica": 1}))["lint"]
    assert any("'replica' not allowed" in line for line in said)
