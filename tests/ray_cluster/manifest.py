"""What `deploy/kubernetes/rayservice.yaml` says, read as KubeRay would."""

from __future__ import annotations

from typing import Any

import yaml

from tests.support.places import ROOT

FILE = ROOT / "deploy" / "kubernetes" / "rayservice.yaml"


def manifest() -> dict[str, Any]:
    """Return the manifest."""
    documents = yaml.safe_load_all(FILE.read_text(encoding="utf-8"))
    loaded: dict[str, Any] = next(documents)
    return loaded


def serve_config() -> dict[str, Any]:
    """Return what is served, as Serve's own YAML."""
    loaded: dict[str, Any] = yaml.safe_load(manifest()["spec"]["serveConfigV2"])
    return loaded


def containers() -> dict[str, dict[str, Any]]:
    """Return name → container of every kind of node."""
    cluster = manifest()["spec"]["rayClusterConfig"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    found = [one for group in groups for one in group["template"]["spec"]["containers"]]
    return {one["name"]: one for one in found}


def variables(container: str) -> dict[str, str]:
    """Return the variables of a container that it does not take from a secret."""
    listed = containers()[container]["env"]
    return {one["name"]: one["value"] for one in listed if "value" in one}
