"""Renders the chart by Helm itself, in a process of its own: its Go runtime would stay in ours.

It is `python -m tests.deploy.helm`: values as JSON go in, and a `Result` comes out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypedDict, cast

import yaml

from tests.support.places import ROOT

CHART = ROOT / "deploy" / "kubernetes"
RELEASE = "voice"
NAMESPACE = "talk"
NAME = f"{RELEASE}-open-realtime-server"
"""The name of the gateways' Deployment and Service."""

Values = Mapping[str, Any]
Manifest = dict[str, Any]


class Result(TypedDict):
    """What Helm made of some values: manifests, or why there are none; and what lint found."""

    manifests: list[Manifest]
    refusal: str
    lint: list[str]


class Refused(Exception):
    """The chart, or its schema, does not take the values; the message says why."""


def values_of(name: str) -> dict[str, Any]:
    """Return a file of values in the chart: `laptop`, `production`."""
    text = (CHART / f"values-{name}.yaml").read_text(encoding="utf-8")
    return cast("dict[str, Any]", yaml.safe_load(text))


def merged(*layers: Values) -> dict[str, Any]:
    """Return values on top of one another, as `-f` after `-f` puts them."""
    whole: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = whole.get(key)
            both = isinstance(below, dict) and isinstance(value, Mapping)
            whole[key] = merged(cast("Values", below), value) if both else value
    return whole


def result(values: Values) -> Result:
    """Let Helm lint and render the chart with values."""
    return cast("Result", json.loads(_asked(json.dumps(values, sort_keys=True))))


def rendered(values: Values) -> list[Manifest]:
    """Return the manifests that Helm makes of values.

    Raises:
        Refused: They are not taken.
    """
    made = result(values)
    if made["refusal"]:
        raise Refused(made["refusal"])
    return made["manifests"]


def one(manifests: list[Manifest], kind: str, name: str = NAME) -> Manifest:
    """Return the manifest of a kind and a name; a `LookupError` says which there are."""
    for manifest in manifests:
        if (manifest["kind"], manifest["metadata"]["name"]) == (kind, name):
            return manifest
    there = [f"{manifest['kind']} {manifest['metadata']['name']}" for manifest in manifests]
    raise LookupError(f"there is no {kind} {name} among {', '.join(there)}")


@lru_cache(maxsize=64)
def _asked(values: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.deploy.helm"],
        cwd=ROOT,
        input=values,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"Helm could not be asked:\n{done.stderr}")
    return done.stdout


def _answer(values: dict[str, Any]) -> Result:
    import helm_python as helm

    found = helm.lint(CHART, values, strict=True, namespace=NAMESPACE)
    # Severity 1 is advice, such as an icon.
    lint = [message["error"] for message in found["messages"] if message["severity"] > 1]
    with helm.Chart.load(CHART) as chart:
        try:
            # Rendering alone does not ask the schema, as `helm install` does.
            chart.validate_schema(values)
            files = chart.render(values, name=RELEASE, namespace=NAMESPACE)
        except (helm.HelmRenderError, helm.HelmValuesError) as error:
            return {"manifests": [], "refusal": str(error), "lint": lint}
    texts = [text for path, text in sorted(files.items()) if Path(path).suffix == ".yaml"]
    manifests = [document for text in texts for document in yaml.safe_load_all(text) if document]
    return {"manifests": manifests, "refusal": "", "lint": lint}


if __name__ == "__main__":
    print(json.dumps(_answer(json.load(sys.stdin))))
