"""What `docs/kubernetes.md` says can be done as it says it."""

from __future__ import annotations

import re
import shlex
from typing import Any

import yaml

from tests.deploy.compositions import KUBERNETES, mistakes
from tests.deploy.helm import CHART, NAME, merged, one, rendered, values_of
from tests.deploy.pods import container, environment
from tests.support.places import ROOT

TEXT = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
SCHEMA_NAMES = re.findall(r"^(\w+):", (CHART / "values.yaml").read_text(), re.MULTILINE)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def secret_of(commands: str) -> dict[str, str]:
    """Return the Secret that `kubectl create secret` of a block makes."""
    words = shlex.split(commands.replace("\\\n", " ").replace("$(", "").replace(")", ""))
    literals = [word.removeprefix("--from-literal=") for word in words if "literal=" in word]
    return dict(literal.partition("=")[::2] for literal in literals)


def in_order(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the manifests of values, which nobody has anything against."""
    manifests = rendered(values)
    assert [said for one in manifests for said in mistakes(one, KUBERNETES[-1])] == []
    return manifests


def test_the_laptop_needs_what_its_secret_has() -> None:
    laptop, _production, _adapter = blocks("sh")
    manifests = in_order(values_of("laptop"))
    known = environment(container(manifests), secret_of(laptop))
    assert {"REALTIME_API_KEYS", "REALTIME_SERVER__SECRET"} <= known.keys()
    assert f"service/{NAME}" in laptop
    image = container(manifests)["image"]
    assert laptop.count(image) == 3
    head = (CHART / "values-laptop.yaml").read_text(encoding="utf-8")
    assert all(line.split("   ")[0] in head for line in laptop.splitlines())


def test_production_needs_what_its_secret_has_and_takes_what_is_yours() -> None:
    _laptop, production, _adapter = blocks("sh")
    yours = yaml.safe_load(blocks("yaml")[0])
    manifests = in_order(merged(values_of("production"), yours))
    known = environment(container(manifests), secret_of(production))
    assert "OPENAI_API_KEY" not in known
    assert known["DEEPGRAM_API_KEY"]
    assert known["REALTIME_LIMITS__STORE"].startswith("rediss://")
    assert container(manifests)["image"].endswith(":2026-11")
    [rule] = one(manifests, "Ingress")["spec"]["rules"]
    assert rule["host"] in yours["ingress"]["hosts"]


def test_servers_of_models_are_added_as_it_says() -> None:
    models = yaml.safe_load(blocks("yaml")[1])
    manifests = in_order(merged(values_of("production"), models))
    assert one(manifests, "Deployment", f"{NAME}-speech")["spec"]["replicas"] == 2


def test_values_that_it_names_are_there() -> None:
    groups = "|".join(SCHEMA_NAMES)
    defaults = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    named = re.findall(rf"`({groups})\.(\w+)", TEXT)
    assert named
    for group, name in named:
        assert name in defaults[group], f"{group}.{name}"
