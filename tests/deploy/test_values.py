"""Values that cannot be meant are refused with the reason and the remedy; none is ignored."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
import yaml

from config import VERSION, Settings
from tests.deploy.compositions import COMPOSITIONS, OWN, SPEECH
from tests.deploy.helm import CHART, Refused, merged, one, rendered, values_of

pytestmark = pytest.mark.long

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))


def variable(name: str, value: str) -> dict[str, str]:
    """Return a variable, as a container has them."""
    return {"name": name, "value": value}


def refusal(*layers: dict[str, Any]) -> str:
    """Return why values are refused."""
    with pytest.raises(Refused) as refused:
        rendered(merged(OWN, *layers))
    return str(refused.value)


def test_the_chart_belongs_to_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == VERSION
    image = one(rendered(OWN), "Deployment")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"registry.example.com/voice:{VERSION}"


def tables(schema: dict[str, Any], values: dict[str, Any], path: str = "") -> None:
    """Hold the names that the schema knows against those that values.yaml shows."""
    known = {*schema["properties"]} - {"global"}
    assert known == {*values}, path
    for name in known:
        if "properties" in schema["properties"][name]:
            tables(schema["properties"][name], values[name], f"{path}.{name}")


def test_the_schema_knows_what_values_yaml_shows_and_nothing_else() -> None:
    tables(SCHEMA, DEFAULTS)


@pytest.mark.parametrize(
    ("group", "name"),
    [("drain", "second"), ("store", "type"), ("", "replica"), ("calls", "port")],
)
def test_a_name_that_is_not_known_is_refused(group: str, name: str) -> None:
    said = refusal({group: {name: 1}} if group else {name: 1})
    assert f"'{name}' not allowed" in said


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"image": {"repository": ""}}, "nobody publishes an image: build yours"),
        ({"secrets": {"name": ""}}, "kubectl create secret generic"),
        ({"ingress": {"enabled": True}}, "ingress.hosts: name the host"),
        ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs: name the Gateway"),
        ({"autoscaling": {"kind": "keda"}}, "autoscaling.keda.serverAddress"),
        ({"autoscaling": {"minReplicas": 9, "maxReplicas": 3}}, "above autoscaling.maxReplicas"),
        ({"autoscaling": {"sessionsPerPod": 101}}, "pods would be full before another one"),
        ({"store": {"resumeSeconds": 60}}, "set store.kind"),
        ({"settings": {"server": 3}}, "/settings/server"),
        ({"settings": {"llm": {"api_key": "sk-123456"}}}, "REALTIME_LLM__API_KEY"),
        (
            {"settings": {"stacks": {"fast": {"llm": {"api_key": "sk"}}}}},
            "REALTIME_STACKS__FAST__LLM__API_KEY",
        ),
        ({"settings": {"tts": {"options": {"region_key": "x"}}}}, "REALTIME_TTS__OPTIONS, in JSON"),
        (
            {"settings": {"mcp": {"servers": {"docs": {"authorization": "x"}}}}},
            "REALTIME_MCP__SERVERS__DOCS__AUTHORIZATION",
        ),
        (
            {"modelServers": {"a": SPEECH, "b": {"serves": ["tts"]}}},
            "modelServers.b.serves: tts is served by a",
        ),
        (
            {"modelServers": {"a": SPEECH}, "settings": {"stt": {"provider": "whisper"}}},
            "settings.stt.provider: the server of models a is called for it",
        ),
        (
            {"modelServers": {"a": {**SPEECH, "settings": {"model_server": {"port": 1}}}}},
            "modelServers.a.settings.model_server.port: the chart sets it",
        ),
        (
            {"modelServers": {"a": {**SPEECH, "secretEnv": {"REALTIME_API_KEYS": "k"}}}},
            "modelServers.a.secretEnv.REALTIME_API_KEYS: they belong in the Secret",
        ),
        ({"modelServers": {"store": SPEECH}}, "store"),
        ({"env": [variable("LLM_TOKEN", "t")]}, "it would lie open in the Deployment"),
        ({"env": [variable("VENDOR_PER_KEY", "sk-1")]}, "it would lie open in the Deployment"),
        (
            {"settings": {"llm": {"options": {"price_per_token": "sk-1"}}}},
            "llm.options.price_per_token: it would lie open in a ConfigMap",
        ),
        ({"env": [variable("REALTIME_LLM__API_KEY", "k")]}, "it would lie open in the Deployment"),
        ({"env": [variable("A", "1"), variable("A", "2")]}, "env, A: it is there twice"),
        (
            {"env": [variable("A", "1")], "secrets": {"env": {"A": "a"}}},
            "env, A: it is there twice (secrets.env.A)",
        ),
        ({"env": [{"value": "1"}]}, "missing property 'name'"),
        ({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}, "no pod could ever be replaced"),
        ({"rollingUpdate": {"maxSurge": "0%"}}, "no pod could ever be replaced"),
        ({"rollingUpdate": {"maxUnavailable": "101%"}}, "/rollingUpdate/maxUnavailable"),
        ({"podDisruptionBudget": {"maxUnavailable": ""}}, "/podDisruptionBudget/maxUnavailable"),
        ({"drain": None}, "missing property 'drain'"),
        ({"drain": {"seconds": None}}, "missing property 'seconds'"),
        ({"replicas": "two"}, "/replicas"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_remedy(
    values: dict[str, Any], reason: str
) -> None:
    assert reason in refusal(values)


DECIDED = (
    *("server.host", "server.port", "server.workers", "server.api_keys", "server.secret"),
    *("server.replica", "server.replica_url", "server.drain_s", "server.shutdown_grace_s"),
    *("server.resume_s", "limits.sessions", "limits.store"),
    *("webrtc.udp_port", "webrtc.public_hosts"),
)
"""Settings that the chart decides."""


@pytest.mark.parametrize("path", DECIDED)
def test_a_setting_that_the_chart_decides_is_refused_among_settings(path: str) -> None:
    group, name = path.split(".")
    assert f"settings.{path}: " in refusal({"settings": {group: {name: 1}}})
    # Null takes back what another file said.
    assert rendered(merged(OWN, {"settings": {group: {name: None}}}))
    assert hasattr(getattr(Settings.model_construct(), group), name)


def test_a_setting_that_the_chart_decides_is_refused_as_a_variable() -> None:
    """The last variable of a name would hold, whatever the chart says before it."""
    names = {f"REALTIME_{path.upper().replace('.', '__')}" for path in DECIDED}
    for name in names | {"REALTIME_API_KEYS", "REALTIME_SERVER"}:
        assert f"env, {name}: " in refusal({"env": [variable(name, "$(A)")]})
        assert f"secrets.env.{name}: " in refusal({"secrets": {"env": {name: "a"}}})
        # A file of values takes back what another one said.
        assert rendered(merged(OWN, {"secrets": {"env": {name: None}}}))
    # The server takes variables in any case.
    assert "drain.seconds" in refusal({"env": [variable("realtime_server__drain_s", "0")]})


def test_no_variable_that_the_chart_sets_is_set_twice() -> None:
    for name, values in COMPOSITIONS.items():
        for manifest in rendered(values):
            for container in _containers(manifest):
                names = [one["name"] for one in container.get("env", [])]
                assert len(names) == len({*names}), name
    profile = {"profile": "local", "env": [variable("REALTIME_PROFILE", "chinese")]}
    assert "env, REALTIME_PROFILE: the chart sets it" in refusal(profile)
    models = {"modelServers": {"a": SPEECH}, "env": [variable("REALTIME_STT__PROVIDER", "azure")]}
    assert "the server of models a is called for it" in refusal(models)


def test_other_variables_come_besides() -> None:
    own = {
        "env": [variable("REALTIME_LIMITS__TOOLS", "8"), variable("HF_TOKEN", "$(TOKEN)")],
        "secrets": {"env": {"OPENAI_API_KEY": "openai-api-key"}},
    }
    [server] = _containers(one(rendered(merged(OWN, own)), "Deployment"))
    assert [one for one in server["env"] if one in own["env"]] == own["env"]
    assert "OPENAI_API_KEY" in [one["name"] for one in server["env"]]


def test_a_number_per_key_and_an_empty_key_are_no_secrets() -> None:
    env = [
        variable("REALTIME_LIMITS__SESSIONS_PER_KEY", "5"),
        variable("realtime_limits__sessions_per_key", "5"),
        variable("REALTIME_LLM__API_KEY", ""),
    ]
    for one_of_them in env:
        [server] = _containers(one(rendered(merged(OWN, {"env": [one_of_them]})), "Deployment"))
        assert one_of_them in server["env"]
    options = {"api_key": "", "tokens_per_key": 5}
    toml = one(rendered(merged(OWN, {"settings": {"llm": {"options": options}}})), "ConfigMap")
    assert tomllib.loads(toml["data"]["settings.toml"])["llm"]["options"] == options


def test_no_settings_are_none() -> None:
    assert rendered(merged(OWN, {"settings": None})) == rendered(merged(OWN, {"settings": {}}))


def test_settings_become_toml_with_the_same_values() -> None:
    settings: dict[str, Any] = {
        "server": {"console": False, "kept_audio_minutes": 2.5, "log_level": "warning"},
        "limits": {"instructions_chars": 1000000, "tools": 8},
        "llm": {
            "default_instructions": 'Say "hi" <b>\n你好 \\ #',
            "options": {"max_tokens": 200, "stop": ["a", "b"], "a b": {"x.y": True}},
            "model": None,
        },
        "stacks": {"fast": {"profile": "chinese", "tts": {"voice_id": "x"}}},
        "stt": None,
    }
    toml = one(rendered(merged(OWN, {"settings": settings})), "ConfigMap")["data"]["settings.toml"]
    del settings["stt"], settings["llm"]["model"]
    assert tomllib.loads(toml) == settings
    assert isinstance(tomllib.loads(toml)["limits"]["tools"], int)


def test_changed_settings_change_the_pods() -> None:
    def annotated(tools: int) -> dict[str, str]:
        manifests = rendered(merged(OWN, {"settings": {"limits": {"tools": tools}}}))
        found: dict[str, str] = one(manifests, "Deployment")["spec"]["template"]["metadata"][
            "annotations"
        ]
        return found

    assert annotated(1) != annotated(2)


def test_nothing_secret_is_in_the_values_of_the_repository_or_in_what_is_made_of_them() -> None:
    for name, values in COMPOSITIONS.items():
        for manifest in rendered(values):
            assert manifest["kind"] != "Secret", name
            for container in _containers(manifest):
                for variable in container["env"]:
                    secret = any(
                        word in variable["name"] for word in ("KEY", "SECRET", "PASSWORD", "STORE")
                    )
                    # A value of several parts has those from variables before it.
                    told = "secretKeyRef" in variable.get("valueFrom", {}) or "$(" in variable.get(
                        "value", ""
                    )
                    assert told or not secret, f"{name}: {variable}"


def _containers(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        manifest["spec"]["template"]["spec"]["containers"]
        if "template" in manifest.get("spec", {})
        else []
    )
    return found


def test_the_laptop_is_one_pod_of_an_image_that_was_built_here() -> None:
    manifests = rendered(values_of("laptop"))
    deployment = one(manifests, "Deployment")
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == (
        "open-realtime-server:embedded"
    )
    kinds = {manifest["kind"] for manifest in manifests}
    assert kinds == {"Deployment", "Service", "ServiceAccount"}


def test_objects_are_named_by_the_release_and_the_chart() -> None:
    service = one(rendered(OWN), "Service", "voice-open-realtime-server")
    assert service["spec"]["selector"]["app.kubernetes.io/instance"] == "voice"
