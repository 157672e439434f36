"""The values that the chart is tried with, and Kubernetes' own schemas for what it makes of them.

    python -m tests.deploy.compositions

`make check` runs it: Helm lints and renders each, and every manifest is held against the schemas
of the oldest Kubernetes that the chart names and of the newest there are.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import PrometheusRule, ServiceMonitor
from pydantic import BaseModel, ValidationError

from tests.deploy.helm import CHART, Manifest, Values, merged, result, values_of

OWN: Values = {"image": {"repository": "registry.example.com/voice"}, "secrets": {"name": "voice"}}
"""What everybody has to say."""
SPEECH = {"serves": ["stt", "tts"], "profile": "local", "image": {"tag": "local"}, "replicas": 2}
WITHOUT_STAGES: Values = {"settings": {"stt": None, "tts": None}}

COMPOSITIONS: dict[str, Values] = {
    "as it comes": OWN,
    "laptop": values_of("laptop"),
    "production": values_of("production"),
    "calls": merged(values_of("production"), {"calls": {"enabled": True}}),
    "calls of a laptop": merged(
        values_of("laptop"), {"calls": {"enabled": True, "publicHosts": ["127.0.0.1", "::1"]}}
    ),
    "keda": merged(
        values_of("production"),
        {
            "autoscaling": {
                "kind": "keda",
                "keda": {"serverAddress": "http://prometheus:9090", "authentication": "prom"},
            }
        },
    ),
    "gateway api": merged(
        values_of("production"),
        {
            "ingress": {"enabled": False},
            "httpRoute": {
                "enabled": True,
                "parentRefs": [{"name": "public", "namespace": "gateways"}],
                "hostnames": ["voice.example.com"],
            },
        },
    ),
    "haproxy": merged(
        values_of("production"), {"ingress": {"controller": "haproxy", "className": "haproxy"}}
    ),
    "models": merged(
        values_of("production"),
        WITHOUT_STAGES,
        {"store": {"kind": "internal"}, "modelServers": {"speech": SPEECH}},
    ),
    "models apart": merged(
        OWN,
        {
            "networkPolicy": {"enabled": True},
            "modelServers": {
                "ears": {
                    "serves": ["stt"],
                    "settings": {"model_server": {"queue": 8}},
                    "nodeSelector": {"gpu": "yes"},
                    "resources": {"limits": {"nvidia.com/gpu": "1"}},
                },
                "mouth": {"serves": ["tts"], "url": "http://models.example.com/"},
            },
        },
    ),
    "all else": merged(
        OWN,
        {
            "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": [{"name": "registry"}]},
            "profile": "local",
            "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
            "rollingUpdate": {"maxSurge": 2, "maxUnavailable": "10%"},
            "cache": {"existingClaim": "models"},
            "service": {"type": "LoadBalancer", "annotations": {"lb": "internal"}},
            "serviceAccount": {"annotations": {"role": "voice"}},
            "podLabels": {"team": "voice"},
            "podAnnotations": {"note": "1"},
            "priorityClassName": "high",
            "nodeSelector": {"pool": "voice"},
            "tolerations": [{"key": "voice", "operator": "Exists"}],
            "affinity": {"podAntiAffinity": {}},
            "topologySpreadConstraints": [],
        },
    ),
}
KUBERNETES = ("1.27", kubernetes_validate.latest_version())
"""The oldest that `Chart.yaml` names, and the newest."""

_MODELS: dict[str, type[BaseModel]] = {
    "PrometheusRule": PrometheusRule,
    "ServiceMonitor": ServiceMonitor,
    "ScaledObject": ScaledObject,
}
_HTTP_ROUTE = json.loads(
    Path(__file__).with_name("httproute.schema.json").read_text(encoding="utf-8")
)


def mistakes(manifest: Manifest, kubernetes: str) -> Iterator[str]:
    """Yield what a schema has against a manifest; a field that it does not know is a mistake."""
    named = f"{manifest['kind']} {manifest['metadata']['name']}"
    try:
        if manifest["kind"] in _MODELS:
            _known(_MODELS[manifest["kind"]], manifest)
        elif manifest["kind"] == "HTTPRoute":
            jsonschema.validate(manifest, _HTTP_ROUTE)
        else:
            kubernetes_validate.validate(manifest, kubernetes, strict=True)
    except (jsonschema.ValidationError, ValidationError, ValueError) as error:
        yield f"{named}, Kubernetes {kubernetes}: {error}"
    except kubernetes_validate.SchemaNotFoundError:
        yield f"{named}: Kubernetes {kubernetes} has no {manifest['apiVersion']} {manifest['kind']}"


def _known(model: type[BaseModel], manifest: Manifest) -> None:
    """Refuse fields that a model drops, which an API server would drop as well."""
    kept: dict[str, Any] = model.model_validate(manifest).model_dump(
        mode="json", by_alias=True, exclude_unset=True
    )
    dropped = sorted(set(_paths(manifest)) - set(_paths(kept)))
    if dropped:
        raise ValueError(f"unknown fields: {', '.join(dropped)}")


def _paths(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of each leaf."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, f"{path}[{index}]")
    else:
        yield path


def oldest() -> str:
    """Return the oldest Kubernetes that the chart says it is for, as `1.27`."""
    wanted = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["kubeVersion"]
    return ".".join(wanted.removeprefix(">=").split(".")[:2])


def main() -> None:
    """Check all; the exit status is 1 if anybody has something to say about one."""
    wrong = 0
    for name, values in COMPOSITIONS.items():
        made = result(values)
        said = [*made["lint"], *filter(None, [made["refusal"]])]
        for manifest in made["manifests"]:
            for kubernetes in KUBERNETES:
                said += mistakes(manifest, kubernetes)
        for line in said:
            wrong = 1
            print(f"deploy/kubernetes, {name}: {line}", file=sys.stderr)
    print(f"chart: {len(COMPOSITIONS)} compositions, {'not all' if wrong else 'all'} are in order")
    raise SystemExit(wrong)


if __name__ == "__main__":
    main()
