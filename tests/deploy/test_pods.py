"""Pods of the chart: how they live and end, what they may, who reaches them."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from tests.deploy.compositions import COMPOSITIONS, OWN
from tests.deploy.helm import NAME, RELEASE, Manifest, merged, one, rendered
from tests.deploy.pods import FACTS, SECRET, container, environment, template
from tests.support.places import ROOT

EVERY = pytest.mark.parametrize("composition", COMPOSITIONS)
HARD_END_S = 10
"""Seconds after both times until the server ends what hangs (docs/operations.md, "Shut-down")."""


def deployments(composition: str) -> list[Manifest]:
    """Return all that make pods of the server's image: gateways and servers of models."""
    return [
        manifest
        for manifest in rendered(COMPOSITIONS[composition])
        if manifest["kind"] == "Deployment" and not manifest["metadata"]["name"].endswith("-store")
    ]


@EVERY
def test_the_grace_period_has_room_for_the_pause_the_drain_the_answers_and_the_hard_end(
    composition: str,
) -> None:
    for deployment in deployments(composition):
        pod = deployment["spec"]["template"]["spec"]
        [server] = pod["containers"]
        variables = environment(server)
        pause = server.get("lifecycle", {"preStop": {"exec": {"command": ["sleep", "0"]}}})
        ending = [
            int(pause["preStop"]["exec"]["command"][1]),
            float(variables.get("REALTIME_SERVER__DRAIN_S", 0)),
            float(variables["REALTIME_SERVER__SHUTDOWN_GRACE_S"]),
            HARD_END_S,
        ]
        assert pod["terminationGracePeriodSeconds"] >= sum(ending) + 5


@EVERY
def test_probes_name_nothing_and_need_no_key(composition: str) -> None:
    for deployment in deployments(composition):
        [server] = deployment["spec"]["template"]["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in server["ports"]}
        for probe, path in (
            ("startupProbe", "/livez"),
            ("livenessProbe", "/livez"),
            ("readinessProbe", "/readyz"),
        ):
            assert server[probe]["httpGet"] == {"path": path, "port": "http"}
            assert ports["http"] in (8000, 8001)
        # A loop that is late for a while is no reason to cut a hundred sessions.
        alive = server["livenessProbe"]
        assert alive["periodSeconds"] * alive["failureThreshold"] >= 60


@EVERY
def test_pods_have_the_rights_of_pod_security_restricted(composition: str) -> None:
    for manifest in rendered(COMPOSITIONS[composition]):
        if manifest["kind"] != "Deployment":
            continue
        pod = manifest["spec"]["template"]["spec"]
        [server] = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert server["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not pod["automountServiceAccountToken"]
        # A Service of a certain name would otherwise set variables that look like settings.
        assert not pod["enableServiceLinks"]
        assert {*volumes(pod)} >= {mount["name"] for mount in server["volumeMounts"]}


def volumes(pod: dict[str, Any]) -> list[str]:
    return [volume["name"] for volume in pod["volumes"]]


def test_an_update_takes_no_pod_before_another_one_is_ready() -> None:
    assert one(rendered(OWN), "Deployment")["spec"]["strategy"]["rollingUpdate"] == {
        "maxSurge": "25%",
        "maxUnavailable": 0,
    }


def test_with_calls_it_waits_for_no_node_that_there_may_not_be() -> None:
    manifests = rendered(COMPOSITIONS["calls"])
    update = one(manifests, "Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert update["maxUnavailable"] == 1
    given = {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "20%"}}
    chosen = one(rendered(merged(COMPOSITIONS["calls"], given)), "Deployment")
    assert chosen["spec"]["strategy"]["rollingUpdate"] == given["rollingUpdate"]


def test_a_pod_is_called_by_its_name_and_with_calls_by_its_address() -> None:
    alone = environment(container(rendered(OWN)))
    assert alone["REALTIME_SERVER__REPLICA"] == FACTS["metadata.name"]
    assert "REALTIME_SERVER__REPLICA_URL" not in alone
    calls = environment(container(rendered(COMPOSITIONS["calls"])))
    assert calls["REALTIME_SERVER__REPLICA"] == FACTS["status.podIP"]
    assert calls["REALTIME_SERVER__REPLICA_URL"] == "http://{replica}:8000"


def test_a_call_reaches_its_pod_by_the_address_of_the_node_and_the_same_port() -> None:
    manifests = rendered(COMPOSITIONS["calls"])
    server = container(manifests)
    [udp] = [port for port in server["ports"] if port.get("protocol") == "UDP"]
    variables = environment(server)
    assert str(udp["hostPort"]) == str(udp["containerPort"])
    assert variables["REALTIME_WEBRTC__UDP_PORT"] == str(udp["hostPort"])
    assert variables["REALTIME_WEBRTC__PUBLIC_HOSTS"] == FACTS["status.hostIP"]
    named = environment(container(rendered(COMPOSITIONS["calls of a laptop"])))
    assert named["REALTIME_WEBRTC__PUBLIC_HOSTS"] == "127.0.0.1,::1"
    without = container(rendered(OWN))
    assert not any(port.get("protocol") == "UDP" for port in without["ports"])


def test_prometheus_has_a_key_of_its_own_which_the_server_knows() -> None:
    manifests = rendered(COMPOSITIONS["models"])
    [endpoint] = one(manifests, "ServiceMonitor")["spec"]["endpoints"]
    key = SECRET[endpoint["authorization"]["credentials"]["key"]]
    for name in (NAME, f"{NAME}-speech"):
        keys = environment(container(manifests, name))["REALTIME_API_KEYS"].split(",")
        assert key in keys
    gateways = environment(container(manifests))["REALTIME_API_KEYS"].split(",")
    assert gateways == [*SECRET["api-keys"].split(","), key]


def test_gateways_call_the_server_of_models_with_its_key() -> None:
    manifests = rendered(COMPOSITIONS["models"])
    gateway = environment(container(manifests))
    models = environment(container(manifests, f"{NAME}-speech"))
    service = one(manifests, "Service", f"{NAME}-speech")
    for stage in ("STT", "TTS"):
        assert gateway[f"REALTIME_{stage}__PROVIDER"] == "openai"
        assert gateway[f"REALTIME_{stage}__API_BASE"] == (
            f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}/v1"
        )
        assert gateway[f"REALTIME_{stage}__API_KEY"] in models["REALTIME_API_KEYS"].split(",")


def test_servers_of_models_serve_what_they_are_for() -> None:
    manifests = rendered(COMPOSITIONS["models apart"])
    ears, mouth = (container(manifests, f"{NAME}-{name}") for name in ("ears", "mouth"))
    assert ears["args"] == ["--only", "stt"]
    assert mouth["args"] == ["--only", "tts"]
    gateway = environment(container(manifests))
    assert gateway["REALTIME_STT__API_BASE"] == f"http://{NAME}-ears:8001/v1"
    assert gateway["REALTIME_TTS__API_BASE"] == "http://models.example.com/v1"
    assert template(manifests, f"{NAME}-ears")["nodeSelector"] == {"gpu": "yes"}


def test_the_store_is_that_of_the_secret_or_the_one_in_here() -> None:
    outside = environment(container(rendered(COMPOSITIONS["production"])))
    assert outside["REALTIME_LIMITS__STORE"] == SECRET["store-url"]
    manifests = rendered(COMPOSITIONS["models"])
    inside = environment(container(manifests))
    service = one(manifests, "Service", f"{NAME}-store")
    assert inside["REALTIME_LIMITS__STORE"] == (
        f"redis://:{SECRET['store-password']}@{service['metadata']['name']}:6379/0"
    )
    assert "REALTIME_LIMITS__STORE" not in environment(container(rendered(OWN)))


# --- who is meant by whom -------------------------------------------------------------------------


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether a selector means labels: `matchLabels`, a Service's own, and `NotIn`."""
    plain = selector.get("matchLabels", selector)
    rules = selector.get("matchExpressions", [])
    return plain.items() <= labels.items() and all(
        rule["operator"] == "NotIn" and labels.get(rule["key"]) not in rule["values"]
        for rule in rules
    )


def pods_meant(manifests: list[Manifest], selector: dict[str, Any]) -> set[str]:
    """Return the names of the Deployments whose pods a selector means."""
    return {
        manifest["metadata"]["name"]
        for manifest in manifests
        if manifest["kind"] == "Deployment"
        and matches(selector, manifest["spec"]["template"]["metadata"]["labels"])
    }


@EVERY
def test_each_object_means_the_pods_of_its_name_and_no_others(composition: str) -> None:
    manifests = rendered(COMPOSITIONS[composition])
    selectors = {
        "Service": lambda spec: spec["selector"],
        "Deployment": lambda spec: spec["selector"],
        "PodDisruptionBudget": lambda spec: spec["selector"],
        "NetworkPolicy": lambda spec: spec["podSelector"],
    }
    for manifest in manifests:
        if selector := selectors.get(manifest["kind"]):
            own = {manifest["metadata"]["name"].removesuffix("-pods")}
            assert pods_meant(manifests, selector(manifest["spec"])) == own, manifest


def test_prometheus_asks_each_pod_once_those_that_drain_too() -> None:
    manifests = rendered(COMPOSITIONS["models"])
    selector = one(manifests, "ServiceMonitor")["spec"]["selector"]
    services = [manifest for manifest in manifests if manifest["kind"] == "Service"]
    asked = [one for one in services if matches(selector, one["metadata"]["labels"])]
    assert {one["metadata"]["name"] for one in asked} == {f"{NAME}-pods", f"{NAME}-speech"}
    for service in asked:
        assert service["spec"]["ports"][0]["name"] == "http"
    assert one(manifests, "Service", f"{NAME}-pods")["spec"]["publishNotReadyAddresses"]


@EVERY
def test_whoever_scales_scales_the_gateways_and_the_chart_does_not_disagree(
    composition: str,
) -> None:
    manifests = rendered(COMPOSITIONS[composition])
    scalers = [
        manifest
        for manifest in manifests
        if manifest["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")
    ]
    for scaler in scalers:
        assert scaler["spec"]["scaleTargetRef"]["name"] == NAME
    assert ("replicas" in one(manifests, "Deployment")["spec"]) == (not scalers)


# --- network policies -----------------------------------------------------------------------------


def reaches(policy: Manifest, address: str, port: int, protocol: str = "TCP") -> bool:
    """Whether a policy lets its pods connect to an address outside of the cluster."""
    where = ipaddress.ip_address(address)
    for rule in policy["spec"].get("egress", []):
        ports = rule.get("ports", [{"port": port, "protocol": protocol}])
        if not any(
            one.get("port", port) == port and one.get("protocol", "TCP") == protocol
            for one in ports
        ):
            continue
        if "to" not in rule:
            return True
        for peer in rule["to"]:
            block = peer.get("ipBlock")
            if block is None or where not in ipaddress.ip_network(block["cidr"]):
                continue
            if not any(where in ipaddress.ip_network(out) for out in block.get("except", [])):
                return True
    return False


def sources(policy: Manifest, port: int, protocol: str = "TCP") -> list[Any]:
    """Return the peers that may connect to a port; an empty peer stands for everybody."""
    return [
        peer
        for rule in policy["spec"].get("ingress", [])
        if any(
            one["port"] == port and one.get("protocol", "TCP") == protocol for one in rule["ports"]
        )
        for peer in rule.get("from", [{}])
    ]


def gateways() -> dict[str, Any]:
    return {
        "podSelector": {
            "matchLabels": {
                "app.kubernetes.io/name": "open-realtime-server",
                "app.kubernetes.io/instance": RELEASE,
                "app.kubernetes.io/component": "gateway",
            }
        }
    }


@pytest.mark.parametrize("composition", ["production", "calls", "models", "models apart"])
def test_no_pod_reaches_what_is_nobodys_business(composition: str) -> None:
    policies = [
        one for one in rendered(COMPOSITIONS[composition]) if one["kind"] == "NetworkPolicy"
    ]
    assert policies
    for policy in policies:
        assert {*policy["spec"]["policyTypes"]} == {"Ingress", "Egress"}
        for address in ("169.254.169.254", "10.96.0.1", "192.168.1.1", "fd00::1", "fe80::1"):
            assert not reaches(policy, address, 443), address
            assert not reaches(policy, address, 80), address


def test_gateways_reach_vendors_names_and_the_store() -> None:
    policy = one(rendered(COMPOSITIONS["production"]), "NetworkPolicy")
    assert reaches(policy, "203.0.113.9", 443)
    assert reaches(policy, "2001:db8::9", 443)
    assert reaches(policy, "10.96.0.10", 53, "UDP")
    assert reaches(policy, "10.0.0.5", 6379)
    assert not reaches(policy, "203.0.113.9", 25)
    assert not reaches(policy, "203.0.113.9", 40000, "UDP")


def test_without_the_internet_only_names_are_reached() -> None:
    values = {"networkPolicy": {"enabled": True, "internet": False}}
    policy = one(rendered(merged(OWN, values)), "NetworkPolicy")
    assert not reaches(policy, "203.0.113.9", 443)
    assert reaches(policy, "10.96.0.10", 53, "UDP")


def test_further_ways_out_are_those_that_are_named() -> None:
    way = {"to": [{"ipBlock": {"cidr": "10.7.0.0/16"}}], "ports": [{"port": 11434}]}
    values = {"networkPolicy": {"enabled": True, "egress": [way]}}
    policy = one(rendered(merged(OWN, values)), "NetworkPolicy")
    assert reaches(policy, "10.7.0.1", 11434)
    assert not reaches(policy, "10.8.0.1", 11434)


def test_clients_come_by_the_ingress_and_calls_from_everywhere() -> None:
    values = COMPOSITIONS["calls"]
    policy = one(rendered(values), "NetworkPolicy")
    named = [*values["networkPolicy"]["clients"], *values["networkPolicy"]["monitoring"]]
    assert sources(policy, 8000) == [*named, gateways()]
    assert sources(policy, 8000, "UDP") == [{}]
    assert reaches(policy, "198.51.100.20", 40000, "UDP")
    without = one(rendered(COMPOSITIONS["production"]), "NetworkPolicy")
    assert sources(without, 8000) == named
    assert sources(without, 8000, "UDP") == []


def test_only_gateways_reach_models_and_store() -> None:
    values = COMPOSITIONS["models"]
    manifests = rendered(values)
    store = one(manifests, "NetworkPolicy", f"{NAME}-store")
    assert sources(store, 6379) == [gateways()]
    assert not reaches(store, "203.0.113.9", 443)
    models = one(manifests, "NetworkPolicy", f"{NAME}-speech")
    assert sources(models, 8001) == [gateways(), *values["networkPolicy"]["monitoring"]]


def test_what_pods_run_is_let_into_the_image() -> None:
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    [python, flag, module] = container(rendered(COMPOSITIONS["models"]), f"{NAME}-speech")[
        "command"
    ]
    assert (python, flag) == ("python", "-m")
    assert f"!{module}" in allowed
    assert (ROOT / module / "__main__.py").exists()
