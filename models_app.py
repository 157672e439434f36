"""The server of models as two applications of Ray Serve: `models_app:stt` and `models_app:tts`.

Ray keeps a pool of replicas of each, on the machines of a cluster, and starts further ones when
calls pile up. A replica holds the engine and answers OpenAI's endpoints itself: Ray's HAProxy hands
it the connection, and nothing of ours is between them. `deploy/ray/serve.yaml` names both;
`docs/ray.md` says what a cluster needs to outlive its machines.

Only the defaults of a deployment are chosen here. Serve's own YAML overrides each of them, under
`deployments`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ray import serve
from ray.serve import Application, Deployment
from ray.serve.config import AutoscalingConfig, BackpressureConfig

from config import ConfigError, Settings, load_settings
from models_http.app import models_app
from models_http.engines import Engines, Kind
from models_http.refusals import RETRY_AFTER_S
from providers.base import ProviderSetupError
from serving.access.exposure import check_exposure
from serving.process import garbage
from settings.localisation import _
from telemetry.logs import configure_logging

LOAD = 0.7
"""How much of a replica's places are to be taken: beyond, calls would wait for one another."""
REFUSED = 64
"""Requests that a replica takes beyond its places and its queue, to refuse them itself, and to say
how it is. Serve's own queue would be no bound for calls: it counts each as waiting until it has
been given a place, so that of several at once it refuses some while places are free."""
UPSCALE_S = 5.0
"""Calls last seconds, and a gateway tries again for about as long: the next replica is begun at
once, for it may take minutes to load its model."""
DOWNSCALE_S = 300.0
MEASURED_S = 2.0
LOOK_BACK_S = 10.0
LEAVE_S = 60.0
"""What a replica that is taken away has for its last calls: nobody waits for it to be gone."""
HEALTH_S = 10.0
"""Seconds between two questions whether a replica is well, and for the answer."""


class ModelArguments(BaseModel):
    """`args` of an application in Serve's YAML: how many replicas, and which settings they read.

    Beside these settings they read those in their machine's environment, where keys belong.
    """

    model_config = ConfigDict(extra="forbid")

    min_replicas: int = Field(1, ge=0)
    max_replicas: int = Field(4, ge=1)
    """Beyond that, calls are refused."""

    config: str | None = None
    """TOML file on each machine."""
    profile: str | None = None
    """A ready-made stack."""
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Tables of settings, such as `stt`; they win."""

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        if self.max_replicas < self.min_replicas:
            raise ValueError("max_replicas is less than min_replicas")
        return self

    def load(self) -> Settings:
        """Return the settings, for a port that Ray opens to the network.

        Raises:
            ConfigError: They cannot be read, or nobody says who may call.
        """
        # Ray's HAProxy listens at all addresses, whatever is said here.
        server = {**self.settings.get("server", {}), "host": "0.0.0.0"}
        settings = load_settings(self.config, self.profile, **{**self.settings, "server": server})
        check_exposure(settings.server)
        return settings


def stt(args: Mapping[str, Any]) -> Application:
    """Build the application of recognisers.

    Args:
        args: Those of Serve's YAML: `ModelArguments`.

    Raises:
        ConfigError: They, or the settings that they name, make no sense.
        ProviderSetupError: The recogniser cannot work as configured.
    """
    return _application("stt", args)


def tts(args: Mapping[str, Any]) -> Application:
    """Build the application of voices.

    Args:
        args: Those of Serve's YAML: `ModelArguments`.

    Raises:
        ConfigError: They, or the settings that they name, make no sense.
        ProviderSetupError: The voice cannot work as configured.
    """
    return _application("tts", args)


def _application(kind: Kind, args: Mapping[str, Any]) -> Application:
    try:
        given = ModelArguments.model_validate(dict(args))
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(
            _("{name} of the application {kind}: {reason}").format(
                name=".".join(map(str, ("args", *first["loc"]))), kind=kind, reason=first["msg"]
            )
        ) from None
    settings = given.load()
    [engine] = Engines(settings, (kind,)).all
    parallel = engine.places.parallel
    deployment: Deployment = serve.deployment(
        name=kind,
        max_ongoing_requests=parallel + settings.model_server.queue + REFUSED,
        max_queued_requests=REFUSED,
        backpressure_config=BackpressureConfig(retry_after_s=RETRY_AFTER_S),
        autoscaling_config=AutoscalingConfig(
            min_replicas=given.min_replicas,
            max_replicas=given.max_replicas,
            target_ongoing_requests=LOAD * parallel,
            upscale_delay_s=UPSCALE_S,
            downscale_delay_s=DOWNSCALE_S,
            metrics_interval_s=MEASURED_S,
            look_back_period_s=LOOK_BACK_S,
        ),
        health_check_period_s=HEALTH_S,
        health_check_timeout_s=HEALTH_S,
        graceful_shutdown_timeout_s=max(LEAVE_S, settings.server.shutdown_grace_s),
    )(serve.ingress()(ModelReplica))
    # What a replica is told is what Serve replaces replicas for: not how many there are.
    return deployment.bind(kind, given.model_dump(include={"config", "profile", "settings"}))


class ModelReplica:
    """One engine, and the endpoints in front of it."""

    # Python knows no such constructor, but Serve does.
    async def __init__(self, kind: Kind, arguments: dict[str, Any]) -> None:  # type: ignore[misc]
        """Load the engine: Serve sends calls when that is done.

        Args:
            kind: Which engine.
            arguments: Fields of a `ModelArguments`.

        Raises:
            ConfigError: The settings of this machine make no sense.
            RuntimeError: The engine cannot be loaded; Serve shows the reason, and tries again.
        """
        self._settings = ModelArguments.model_validate(arguments).load()
        configure_logging(self._settings.server, self._settings.key_texts())
        self._engines = Engines(self._settings, (kind,))
        try:
            await self._engines.start()
        except ProviderSetupError as error:
            raise RuntimeError(self._engines.redacted(str(error))) from None
        garbage.settle()

    def __serve_build_asgi_app__(self) -> Any:
        """Return what answers, once the engine is there: Serve asks for it by this name."""
        return models_app(self._settings, self._engines)

    def check_health(self) -> None:
        """Tell Serve whether this replica is well, by raising if not.

        Raises:
            Refusal: It is not.
        """
        self._engines.check_ready()
