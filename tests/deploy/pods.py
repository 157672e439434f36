"""What a kubelet makes of a pod's manifest: its variables, its command, its probes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.deploy.helm import NAME, Manifest, one

FACTS = {
    "metadata.name": f"{NAME}-7d4f9c6b8d-x2x7q",
    "status.podIP": "10.244.1.7",
    "status.hostIP": "203.0.113.7",
}
"""What the downward API tells."""
SECRET = {
    "api-keys": "a-key-of-the-clients,another-key-of-theirs",
    "secret": "signs-client-secrets-and-call-ids",
    "metrics-key": "a-key-of-prometheus",
    "models-key": "a-key-of-the-gateways",
    "store-url": "rediss://:password@redis.example.com:6379/0",
    "store-password": "passwordofthestore",
    "openai-api-key": "sk-of-the-vendor",
}
"""The Secret that `secrets.name` names."""


def template(manifests: list[Manifest], name: str = NAME) -> dict[str, Any]:
    """Return the spec of a Deployment's pods."""
    spec: dict[str, Any] = one(manifests, "Deployment", name)["spec"]["template"]["spec"]
    return spec


def container(manifests: list[Manifest], name: str = NAME) -> dict[str, Any]:
    """Return the one container of a Deployment's pods."""
    [only] = template(manifests, name)["containers"]
    found: dict[str, Any] = only
    return found


def environment(
    of: Mapping[str, Any], secret: Mapping[str, str] = SECRET, facts: Mapping[str, str] = FACTS
) -> dict[str, str]:
    """Return a container's variables as its process sees them.

    Args:
        of: The container.
        secret: The keys of its Secret; without one the pod would not start: a `KeyError`.
        facts: What the downward API tells of the pod.
    """
    known: dict[str, str] = {}
    for variable in of["env"]:
        source = variable.get("valueFrom", {})
        if "secretKeyRef" in source:
            value = secret[source["secretKeyRef"]["key"]]
        elif "fieldRef" in source:
            value = facts[source["fieldRef"]["fieldPath"]]
        else:
            value = _expanded(variable["value"], known)
        known[variable["name"]] = value
    return known


def arguments(of: Mapping[str, Any], known: Mapping[str, str]) -> list[str]:
    """Return a container's command and arguments, with its variables in them."""
    return [_expanded(word, known) for word in (*of.get("command", ()), *of.get("args", ()))]


def _expanded(text: str, known: Mapping[str, str]) -> str:
    """Put in `$(NAME)` what is known; only what stands further up in the list is."""
    return re.sub(r"\$\((\w+)\)", lambda found: known.get(found[1], found[0]), text)
