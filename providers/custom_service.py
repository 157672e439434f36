"""Builds any Pipecat service out of the settings of a stage, for `"package.module:Class"`.

Constructors of Pipecat's services follow one pattern: arguments configure the connection, and
`settings` the model. Both are taken from the stage's settings, other arguments from its `options`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import fields, is_dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp
from openai import AsyncOpenAI
from pipecat.frames.frames import Frame, OutputAudioRawFrame
from pipecat.utils.errors import ErrorCategory

from providers.base import ProviderSetupError
from providers.http_clients import UNCOMPRESSED, refuse_compressed
from providers.openai_client import NO_KEY, OPENAI_DOMAINS
from providers.options import ProviderConfig
from settings.localisation import _
from settings.openai_variables import forget_vendor
from settings.provider_declarations import is_of_vendor

SESSION = "aiohttp_session"
"""The argument by which services ask for an HTTP client."""
ADDRESSES = ("base_url", "url", "private_endpoint", "server")
"""The arguments by which services take the address of their server."""
BY_NAME = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
STYLES = {"voice": ("voice", "voice_id")}
"""A setting → names of its argument in services that take no `settings`."""


class ServiceFactory:
    """Builds services of one class."""

    def __init__(self, kind: str, service: Any, base: type[Any], config: ProviderConfig) -> None:
        """Check the class and the settings.

        Args:
            kind: `stt`, `llm` or `tts`, for errors.
            service: The class that `config.provider` names.
            base: What it must derive from.
            config: The stage's settings.

        Raises:
            ProviderSetupError: It is not a service of this kind, or lacks what it needs.
        """
        self._kind = kind
        self._config = config
        if not (isinstance(service, type) and issubclass(service, base)):
            raise ProviderSetupError(
                _(
                    "{kind}.provider '{provider}' is neither a Pipecat {base} "
                    "nor a {stage}Provider: name a class that is one."
                ).format(
                    kind=kind, provider=config.provider, base=base.__name__, stage=kind.upper()
                )
            )
        self.service = service
        self._session: aiohttp.ClientSession | None = None
        self._accepted = _parameters(service)
        self._settings_class = self._find_settings()
        options = dict(config.options)
        self._settings = self._check_settings(options.pop("settings", {}))
        self._arguments = {**self._connection(), **self._check_options(options)}
        if config.model is not None and not self.takes("model"):
            raise self._meaningless("model", _("it takes no model"))
        missing = sorted(self._required() - set(self._arguments))
        if missing:
            name = missing[0]
            where = {"api_key": "api_key", **dict.fromkeys(ADDRESSES, "api_base")}.get(name)
            setting = self._variable(where) if where else f"{kind}.options.{name}"
            raise ProviderSetupError(
                _("{service} cannot be built without {name}: set {setting}.").format(
                    service=service.__name__, name=name, setting=setting
                )
            )

    @property
    def label(self) -> str:
        """Class, model and host."""
        model, base = self._config.model, self._config.api_base
        label = f"{self.service.__name__} ({model})" if model else self.service.__name__
        return f"{label} at {urlsplit(base).hostname}" if base else label

    @property
    def remedies(self) -> Mapping[ErrorCategory, str]:
        """Kind of failure → remedy."""
        address = self._address()
        where = f" and that {self._variable('api_base')} is right" if address else ""
        return {
            ErrorCategory.AUTHENTICATION: f"Check {self._variable('api_key')}.",
            ErrorCategory.CONNECTIVITY: f"Check that what it needs is running{where}.",
            ErrorCategory.INVALID_REQUEST: (
                f"Check {self._variable('model')} and {self._variable('options')}."
            ),
        }

    @property
    def known(self) -> Mapping[str, str]:
        """The names of the settings, or else the arguments, that it takes → their types."""
        if self._settings_class is not None:
            return {item.name: str(item.type) for item in fields(self._settings_class)}
        return self._accepted

    def setting_of(self, argument: str) -> str | None:
        """Return the option of this name with its path, also one within another; None: no such."""
        return _path_to(argument, self._config.options, f"{self._kind}.options")

    def takes(self, setting: str) -> bool:
        """Return whether the service has an argument for a setting."""
        return setting in self._setting_names() or bool(self._argument(setting))

    def build(self, service: type[Any] | None = None, **given: Any) -> Any:
        """Build one.

        Args:
            service: A subclass to build instead.
            **given: Values of its settings; None: the configured one.

        Raises:
            ProviderSetupError: The class refuses its arguments.
        """
        wanted = {name: value for name, value in given.items() if value is not None}
        arguments = dict(self._arguments)
        if SESSION in self._accepted:
            arguments.setdefault(SESSION, self._http())
        if self._settings_class is not None:
            known = self._setting_names()
            wanted = {name: value for name, value in wanted.items() if name in known}
            make = cast(Callable[..., Any], self._settings_class)
            arguments["settings"] = make(**{**self._settings, **wanted})
        else:
            for name, value in wanted.items():
                if argument := self._argument(name):
                    arguments[argument] = value
        try:
            made = self._made(service or self.service, arguments)
        # One that ends the program ends this one.
        except (TypeError, ValueError, SystemExit) as error:
            ended = "SystemExit: " if isinstance(error, SystemExit) else ""
            raise ProviderSetupError(
                _(
                    "{kind}.provider '{provider}' cannot be built: {error}. "
                    "Its arguments are {kind}.options, its settings "
                    "{kind}.options.settings."
                ).format(kind=self._kind, provider=self._config.provider, error=f"{ended}{error}")
            ) from error
        self._forget_vendor(made)
        return made

    def _forget_vendor(self, service: Any) -> None:
        """Take back what OpenAI's library read of its variables, where it asks another server."""
        given = self._config.options
        for client in vars(service).values():
            if not isinstance(client, AsyncOpenAI):
                continue
            if not is_of_vendor(str(client.base_url), OPENAI_DOMAINS):
                forget_vendor(client, given.get("organization"), given.get("project"))

    def _made(self, service: type[Any], arguments: dict[str, Any]) -> Any:
        try:
            return service(**arguments)
        except TypeError as error:
            if not self._no_key or "api_key" not in str(error):
                raise
        # It may give its base a key itself, as one for Ollama does.
        return service(**{name: arguments[name] for name in arguments if name != "api_key"})

    async def close(self) -> None:
        """Close the connections that services share."""
        if self._session is not None:
            await self._session.close()

    def _find_settings(self) -> type[Any] | None:
        found = getattr(self.service, "Settings", None)
        takes = "settings" in self._accepted and is_dataclass(found)
        return cast(type[Any], found) if takes else None

    def _setting_names(self) -> set[str]:
        if self._settings_class is None:
            return set()
        return {item.name for item in fields(self._settings_class)}

    def _argument(self, setting: str) -> str | None:
        """Return the argument for a setting, in a service that takes no `settings`."""
        if self._settings_class is not None:
            return None
        names = STYLES.get(setting, (setting,))
        return next((name for name in names if name in self._accepted), None)

    def _address(self) -> str | None:
        """Return the argument that takes the address of the server."""
        return next((name for name in ADDRESSES if name in self._accepted), None)

    def _connection(self) -> dict[str, Any]:
        """Return the arguments that the stage's own settings stand for."""
        arguments: dict[str, Any] = {}
        if key := self._config.resolved_key():
            if "api_key" not in self._accepted:
                raise self._meaningless("api_key", _("it takes no api_key"))
            arguments["api_key"] = key
        elif self._no_key:
            arguments["api_key"] = NO_KEY
        if self._config.api_base is not None:
            address = self._address()
            if address is None:
                reason = _("it takes none of {names}").format(names=", ".join(ADDRESSES))
                raise self._meaningless("api_base", reason)
            arguments[address] = self._config.api_base
        return arguments

    @property
    def _no_key(self) -> bool:
        """Whether to give it a key that is none.

        Its library would take that of its vendor's variable, and send it to whatever address the
        settings name.
        """
        given = self._config.options
        elsewhere = self._config.api_base is not None or any(name in given for name in ADDRESSES)
        keyless = "api_key" not in given and self._config.resolved_key() is None
        return elsewhere and keyless and _may_lack_key(self.service)

    def _check_options(self, options: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(options) - set(self._accepted))
        if unknown and not _takes_any(self.service):
            raise ProviderSetupError(
                _(
                    "{kind}.options.{name}: {service} has no such argument; it takes {known}."
                ).format(
                    kind=self._kind,
                    name=unknown[0],
                    service=self.service.__name__,
                    known=", ".join(sorted(self._accepted)),
                )
            )
        return options

    def _check_settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(settings) - self._setting_names())
        if unknown:
            known = ", ".join(sorted(self._setting_names())) or _("none")
            raise ProviderSetupError(
                _(
                    "{kind}.options.settings.{name}: {service} has no such "
                    "setting; its settings are {known}."
                ).format(
                    kind=self._kind, name=unknown[0], service=self.service.__name__, known=known
                )
            )
        return settings

    def _required(self) -> set[str]:
        settled: set[str | None] = {"self", SESSION, *map(self._argument, ("model", "voice"))}
        if self._settings_class is not None:
            settled.add("settings")
        return {
            parameter.name
            for parameter in _constructor(self.service).parameters.values()
            if parameter.default is parameter.empty and parameter.kind in BY_NAME
        } - settled

    def _variable(self, name: str) -> str:
        return f"{self._kind}.{name} (REALTIME_{self._kind.upper()}__{name.upper()})"

    def _meaningless(self, name: str, reason: str) -> ProviderSetupError:
        return ProviderSetupError(
            _("{setting} has no meaning for {service}: {reason}. Unset it.").format(
                setting=self._variable(name), service=self.service.__name__, reason=reason
            )
        )

    def _http(self) -> aiohttp.ClientSession:
        """Return the HTTP client that all services share, created for the first one."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=UNCOMPRESSED,
                auto_decompress=False,
                middlewares=(refuse_compressed,),
                timeout=aiohttp.ClientTimeout(
                    total=None,
                    sock_connect=self._config.connect_timeout_s,
                    sock_read=self._config.timeout_s,
                ),
            )
        return self._session


async def watched(
    frames: AsyncGenerator[Frame | None, None], silence_s: float, gap_s: float | None = None
) -> AsyncGenerator[Frame | None, None]:
    """Pass a service's frames on, with a limit on the time between them.

    Args:
        frames: The service's.
        silence_s: Seconds that it may be silent.
        gap_s: The same once it has made audio; None: as before that.

    Raises:
        TimeoutError: No frame came in time; many services would wait for ever.
    """
    async with aclosing(frames):
        while True:
            try:
                async with asyncio.timeout(silence_s):
                    frame = await anext(frames)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise TimeoutError(f"nothing came within {silence_s:g} s") from error
            if gap_s is not None and isinstance(frame, OutputAudioRawFrame):
                silence_s = gap_s
            yield frame


def _path_to(name: str, options: Mapping[str, Any], path: str) -> str | None:
    if name in options:
        return f"{path}.{name}"
    within = (
        _path_to(name, value, f"{path}.{key}")
        for key, value in options.items()
        if isinstance(value, Mapping)
    )
    return next((found for found in within if found is not None), None)


def _constructor(service: Any) -> inspect.Signature:
    # Not `signature(service)`: Pipecat's deprecation of a class changes that one.
    return inspect.signature(service.__init__)


def _parameters(service: type[Any]) -> dict[str, str]:
    """Return the names that a class's constructor takes or hands on to those of its bases.

    Returns:
        Name → its type, as text.
    """
    names: dict[str, str] = {}
    for ancestor in service.__mro__:
        if "__init__" not in vars(ancestor):
            continue
        parameters = inspect.signature(vars(ancestor)["__init__"]).parameters.values()
        for parameter in parameters:
            if parameter.kind in BY_NAME and parameter.name != "self":
                names.setdefault(parameter.name, str(parameter.annotation))
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return names


def _may_lack_key(service: type[Any]) -> bool:
    """Return whether a service of Pipecat's, or one derived of it, takes a key and needs none."""
    for ancestor in service.__mro__:
        if "__init__" in vars(ancestor):
            key = inspect.signature(vars(ancestor)["__init__"]).parameters.get("api_key")
            if key is not None and key.default not in (None, ""):
                return False
            # A class of one's own hands its key on, and so none at all.
            if key is not None and ancestor.__module__.startswith("pipecat."):
                return True
    return False


def _takes_any(service: type[Any]) -> bool:
    """Return whether the constructor has `*args`: its signature cannot name what it takes."""
    return any(
        parameter.kind is parameter.VAR_POSITIONAL
        for parameter in _constructor(service).parameters.values()
    )
