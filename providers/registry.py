"""Finds a provider by its name in `config.py`, importing only what is used.

A provider's package may be missing when another one is configured, so the modules are imported
by name (`settings/provider_declarations.py`), and a missing package is answered with what to
install.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from providers.base import Provider, ProviderSetupError
from settings import own_modules
from settings.installation import install_extra, pip
from settings.localisation import _
from settings.plain_words import meant
from settings.provider_declarations import Declaration, Kind, declarations


def load(kind: Kind, config: Any, wrap: Callable[[type[Any], Any], Provider]) -> Any:
    """Build the provider that `config.provider` names.

    Args:
        kind: Kind of provider.
        config: The kind's group of settings; handed to the class.
        wrap: Makes a provider of a Pipecat service that `config.provider` names directly.

    Raises:
        ProviderSetupError: No such provider, its package is missing, or it cannot work as
            configured.
    """
    provider = _build(kind, config, wrap)
    provider.secrets = config.secrets()
    return provider


def _build(kind: Kind, config: Any, wrap: Callable[[type[Any], Any], Provider]) -> Provider:
    name = config.provider
    if ":" not in name:
        own = _import(_declared(kind, name))
        try:
            built: Provider = own.build(config)
        except ImportError as error:
            # HTTP clients look for what the proxy of the environment needs when they are made.
            told = _("The {stage} provider '{name}' cannot be built: {reason}")
            reason = str(error)
            raise ProviderSetupError(
                told.format(stage=kind.upper(), name=name, reason=reason)
            ) from error
        return built
    found = _import(Declaration(kind=kind, name=name, target=name))
    if isinstance(found, type) and issubclass(found, Provider):
        make: Callable[[Any], Provider] = found
        try:
            return make(config)
        except SystemExit as error:
            raise _ends_the_program(kind, name, error) from error
    return wrap(found, config)


def _ends_the_program(kind: Kind, name: str, error: SystemExit) -> ProviderSetupError:
    """Return the refusal of a class that would end the program without a word of which it was."""
    told = _("{setting} '{name}' cannot be used: it ends the program (SystemExit: {reason}).")
    reason = " ".join(str(error).split()).rstrip(".")
    return ProviderSetupError(told.format(setting=f"{kind}.provider", name=name, reason=reason))


def _declared(kind: Kind, name: str) -> Declaration:
    known = {found.name: found for found in declarations() if found.kind == kind}
    if name not in known:
        raise ProviderSetupError(
            _(
                "There is no {stage} provider '{name}'.{meant} Choose one of {names}, or name a "
                "class of your own as package.module:Class ({setting})."
            ).format(
                stage=kind.upper(),
                name=name,
                meant=meant(name, known),
                names=", ".join(sorted(known)),
                setting=f"{kind}.provider",
            )
        )
    return known[name]


def _import(declaration: Declaration) -> Any:
    module, _colon, attribute = declaration.target.partition(":")
    kind, name = declaration.kind, declaration.name
    try:
        return getattr(import_module(module), attribute)
    except ImportError as error:
        # Pipecat raises an error of its own for a missing package.
        missing = error if error.name or error.__cause__ is None else error.__cause__
        package = getattr(missing, "name", None) or str(missing)
        if ":" in name and own_modules.missing(module, error):
            told = _("There is no module {module} for {setting} '{name}': {where}.")
            where = own_modules.where_modules_are()
            raise ProviderSetupError(
                told.format(module=package, setting=f"{kind}.provider", name=name, where=where)
            ) from error
        extra = install_extra(declaration.name) if declaration.extra else None
        remedy = extra or f"{pip()} install {package.partition('.')[0]}"
        raise ProviderSetupError(
            _("The {stage} provider '{name}' needs the package '{package}': {remedy}").format(
                stage=kind.upper(), name=name, package=package, remedy=remedy
            )
        ) from error
    except AttributeError as error:
        raise ProviderSetupError(
            _("The module {module} has no {attribute}; look at {setting}.").format(
                module=module, attribute=attribute, setting=f"{kind}.provider"
            )
        ) from error
    except SystemExit as error:
        raise _ends_the_program(kind, name, error) from error
