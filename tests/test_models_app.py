"""The applications of Ray Serve: what they choose and refuse, and the files that name them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import yaml

pytest.importorskip("ray", reason="requirements/ray.txt is not installed")

from ray.serve import Application
from ray.serve.schema import ServeDeploySchema

import models_app
from config import ConfigError
from models_http.engines import Kind
from providers.base import ProviderSetupError
from serving.process import garbage
from tests.ray_cluster.manifest import FILE, containers, manifest, serve_config, variables
from tests.support.places import ROOT

OPEN = {"insecure": True}
BUILDERS = {"stt": models_app.stt, "tts": models_app.tts}


def built(kind: str, **args: Any) -> Any:
    """Build an application; returns its deployment."""
    tables = {kind: {"provider": "scripted"}, "server": OPEN, **args.pop("settings", {})}
    application = BUILDERS[kind]({"settings": tables, **args})
    return application._bound_deployment


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_replica_takes_what_its_engine_does_and_what_it_refuses_itself(kind):
    """Serve's own queue would refuse calls while places are free."""
    deployment = built(kind, settings={"model_server": {"parallel": 10, "queue": 3}})
    assert deployment.name == kind
    assert deployment.max_ongoing_requests > 10 + 3
    assert 0 < deployment.max_queued_requests < 100
    assert deployment._deployment_config.backpressure_config.retry_after_s == 1


def test_replicas_are_added_before_their_places_are_taken():
    places = {"model_server": {"parallel": 10}}
    deployment = built("stt", min_replicas=2, max_replicas=7, settings=places)
    scaling = deployment._deployment_config.autoscaling_config
    assert (scaling.min_replicas, scaling.max_replicas) == (2, 7)
    assert scaling.target_ongoing_requests == pytest.approx(7)


def test_a_replica_that_is_taken_away_ends_its_calls():
    assert built("tts")._deployment_config.graceful_shutdown_timeout_s == 60
    patient = {"server": {**OPEN, "shutdown_grace_s": 300}}
    assert built("tts", settings=patient)._deployment_config.graceful_shutdown_timeout_s == 300


def test_how_many_replicas_there_are_is_no_reason_to_replace_them():
    few, many = built("tts", max_replicas=2), built("tts", max_replicas=9)
    assert few.init_args == many.init_args
    other = built("tts", settings={"tts": {"provider": "scripted", "options": {"delay_ms": 1}}})
    assert other.init_args != few.init_args


def test_keys_of_the_environment_are_not_handed_to_ray(monkeypatch):
    monkeypatch.setenv("REALTIME_SERVER__API_KEYS", "a-key-of-the-operator")
    application = models_app.stt({"settings": {"stt": {"provider": "scripted"}}})
    assert "a-key-of-the-operator" not in repr(application._bound_deployment.init_args)


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        ({"profil": "local"}, ConfigError, r"args\.profil of the application stt: Extra inputs"),
        ({"min_replicas": -1}, ConfigError, r"args\.min_replicas of the application stt"),
        (
            {"min_replicas": 3, "max_replicas": 2},
            ConfigError,
            "stt: Value error, max_replicas is less",
        ),
        ({"settings": {"server": {}}}, ConfigError, "Without API keys anybody who reaches 0.0.0.0"),
        ({"settings": {"server": {**OPEN, "workers": 2}}}, ConfigError, "server.workers is 2"),
        (
            {"settings": {"server": OPEN, "stt": {"provider": "whisper", "options": {"x": 1}}}},
            ProviderSetupError,
            "x",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_before_a_replica_is_begun(args, error, words):
    with pytest.raises(error, match=words):
        models_app.stt(args)


async def replica(kind: Kind, **tables: Any) -> models_app.ModelReplica:
    """Construct a replica, as Serve does on a machine of its own."""
    made = object.__new__(models_app.ModelReplica)
    await models_app.ModelReplica.__init__(made, kind, {"settings": {"server": OPEN, **tables}})
    return made


@pytest.fixture
def in_a_process_of_others(monkeypatch):
    """What a replica does to its process is not for that of the tests."""
    monkeypatch.setattr(models_app, "configure_logging", lambda *_given: None)
    monkeypatch.setattr(garbage, "settle", lambda: None)


@pytest.mark.usefixtures("in_a_process_of_others")
async def test_a_replica_that_is_there_answers_at_once_below_its_route():
    made = await replica("stt", stt={"provider": "scripted"})
    made.check_health()
    transport = httpx.ASGITransport(made.__serve_build_asgi_app__(), root_path="/stt")
    async with httpx.AsyncClient(transport=transport, base_url="http://models") as http:
        assert (await http.get("/stt/readyz")).status_code == 200
        [model] = (await http.get("/stt/v1/models")).json()["data"]
        assert model["id"] == "scripted"
        assert (await http.post("/stt/v1/audio/speech")).status_code == 404


@pytest.mark.usefixtures("in_a_process_of_others")
async def test_an_engine_that_cannot_be_loaded_is_no_replica(tmp_path):
    with pytest.raises(RuntimeError, match="neither a folder nor a Whisper model"):
        await replica("stt", stt={"provider": "whisper", "model": str(tmp_path / "none")})


@pytest.mark.parametrize("file", ["the manifest", "serve.yaml"])
def test_the_files_name_applications_that_there_are(file, monkeypatch):
    """Ray's own schema knows the rest."""
    monkeypatch.setenv("REALTIME_SERVER__API_KEYS", "a-key-of-the-gateways")
    own = yaml.safe_load((ROOT / "deploy" / "ray" / "serve.yaml").read_text(encoding="utf-8"))
    config = ServeDeploySchema.model_validate(serve_config() if "manifest" in file else own)
    assert [one.name for one in config.applications] == ["stt", "tts"]
    for one in config.applications:
        assert one.route_prefix == f"/{one.name}"
        module, _colon, name = one.import_path.partition(":")
        builder: Callable[[Any], Application] = getattr(models_app, name)
        assert module == models_app.__name__
        # The profile's own engine may not be installed.
        settings = {one.name: {"provider": "scripted"}}
        application = builder({**one.args, "settings": settings})
        assert [one.name] == [deployment.name for deployment in one.deployments]
        assert application._bound_deployment.name == one.name


@pytest.mark.parametrize("node", ["ray-head", "ray-worker"])
def test_every_node_outlives_a_lost_head_and_takes_calls_by_haproxy(node):
    given = variables(node)
    assert given["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    assert int(given["RAY_gcs_rpc_server_reconnect_timeout_s"]) >= 600
    keys = [one for one in containers()[node]["env"] if one["name"] == "REALTIME_SERVER__API_KEYS"]
    assert "secretKeyRef" in keys[0]["valueFrom"]


def test_the_cluster_has_a_store_a_token_and_no_calls_to_the_head():
    spec = manifest()["spec"]
    cluster = spec["rayClusterConfig"]
    assert cluster["gcsFaultToleranceOptions"]["redisAddress"]
    assert cluster["authOptions"] == {"mode": "token"}
    assert spec["excludeHeadPodFromServeSvc"] is True
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_the_network_lets_nobody_else_command_ray():
    _service, policy = yaml.safe_load_all(FILE.read_text(encoding="utf-8"))
    labels = policy["spec"]["podSelector"]["matchLabels"]
    cluster = manifest()["spec"]["rayClusterConfig"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert group["template"]["metadata"]["labels"] == labels
    for allowed in policy["spec"]["ingress"]:
        own = allowed["from"] == [{"podSelector": {"matchLabels": labels}}]
        assert own or all(port["port"] in (8000, 8265, 52365) for port in allowed["ports"])
