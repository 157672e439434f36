"""Builds any Pipecat service out of the settings of a stage, for `"package.module:Class"`.

Pipecat's services are built alike: what belongs to the connection are arguments, what belongs to
the model is in `settings`. Both are taken from the stage's settings, the rest from its `options`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, cast

from providers.base import ProviderSetupError
from providers.options import ProviderConfig


class ServiceFactory:
    """Builds services of one class."""

    def __init__(self, kind: str, service: Any, base: type[Any], config: ProviderConfig) -> None:
        """Look at the class.

        Args:
            kind: `stt`, `llm` or `tts`, for errors.
            service: The class that `config.provider` names.
            base: What it must derive from.
            config: The stage's settings.

        Raises:
            ProviderSetupError: It is not a service of this kind, or lacks what it needs.
        """
        if not (isinstance(service, type) and issubclass(service, base)):
            raise ProviderSetupError(
                f"{kind}.provider '{config.provider}' is neither a Pipecat {base.__name__} nor a "
                f"{kind.upper()}Provider."
            )
        self.service = service
        self._kind = kind
        self._config = config
        accepted = _parameters(service)
        self._arguments: dict[str, Any] = {}
        key = config.resolved_key()
        if key and "api_key" in accepted:
            self._arguments["api_key"] = key
        if config.api_base is not None:
            base_name = next((name for name in ("base_url", "url") if name in accepted), None)
            if base_name is None:
                raise ProviderSetupError(
                    f"{kind}.api_base has no meaning for {service.__name__}, which takes neither "
                    "base_url nor url."
                )
            self._arguments[base_name] = config.api_base
        options = dict(config.options)
        self._settings: Mapping[str, Any] = options.pop("settings", {})
        self._arguments.update(options)
        unknown = sorted(set(options) - accepted)
        if unknown and not _takes_any(service):
            raise ProviderSetupError(
                f"{kind}.options.{unknown[0]}: {service.__name__} has no such argument."
            )

    @property
    def label(self) -> str:
        """Class and model, for people."""
        model = self._config.model
        return f"{self.service.__name__} ({model})" if model else self.service.__name__

    def build(self, service: type[Any] | None = None, **given: Any) -> Any:
        """Build one.

        Args:
            service: A subclass to build instead.
            **given: What its settings are to be; None leaves one to the service.

        Raises:
            ProviderSetupError: The class refuses its arguments.
        """
        service = service or self.service
        settings_class: Any = getattr(service, "Settings", None)
        wanted = {name: value for name, value in given.items() if value is not None}
        wanted.update(self._settings)
        arguments = dict(self._arguments)
        try:
            if wanted and is_dataclass(settings_class):
                known = {item.name for item in fields(settings_class)}
                make = cast(Callable[..., Any], settings_class)
                arguments["settings"] = make(
                    **{name: value for name, value in wanted.items() if name in known}
                )
            return service(**arguments)
        except (TypeError, ValueError) as error:
            raise ProviderSetupError(
                f"{self._kind}.provider '{self._config.provider}' cannot be built: {error}. Its "
                f"arguments are {self._kind}.options, its settings {self._kind}.options.settings."
            ) from error


def _parameters(service: type[Any]) -> set[str]:
    """Return the names that the constructors of a class and of its bases take."""
    return {
        name
        for ancestor in service.__mro__
        if "__init__" in vars(ancestor)
        for name, parameter in inspect.signature(vars(ancestor)["__init__"]).parameters.items()
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and name != "self"
    }


def _takes_any(service: type[Any]) -> bool:
    """Return whether no constructor on the way up would say that it knows no such argument."""
    return any(
        parameter.kind is parameter.VAR_POSITIONAL
        for parameter in inspect.signature(service).parameters.values()
    )
