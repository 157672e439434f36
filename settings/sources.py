"""The sources of settings, their order, and the errors for invalid ones.

`config.py` defines the settings. This module reads them from variables, `.env`, TOML files and
profiles, and rejects what pydantic would silently ignore: a misspelled setting may be the one that
protects the server.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsError,
    TomlConfigSettingsSource,
)

PREFIX = "REALTIME_"
"""Prefix of the server's environment variables."""
DOTENV = ".env"
CONFIG_VARIABLE = "REALTIME_CONFIG"
PROFILE_VARIABLE = "REALTIME_PROFILE"
SHORT_NAMES = {"REALTIME_API_KEYS": ("server", "api_keys")}
"""Variables that stand for a setting without naming its group."""
_SHORTENED = {".".join(setting): name for name, setting in SHORT_NAMES.items()}
VARIABLES = sorted({*SHORT_NAMES, CONFIG_VARIABLE, PROFILE_VARIABLE})
"""Variables with the prefix that name no group."""
PROFILES = Path(__file__).parent.parent / "profiles"
DEFAULT_PROFILE = "embedded"


class ConfigError(Exception):
    """A setting that cannot be used. The message names it, the reason and the remedy."""


def variable(name: str) -> str | None:
    """Return a variable of the environment, else of `.env`; one that is empty is not set."""
    return os.environ.get(name) or dotenv_values(DOTENV).get(name) or None


def profile_names() -> list[str]:
    """Return the ready-made stacks, the default one first."""
    names = sorted(path.stem for path in PROFILES.glob("*.toml"))
    return sorted(names, key=lambda name: name != DEFAULT_PROFILE)


def layers(
    settings: type[BaseSettings],
    overrides: PydanticBaseSettingsSource,
    environment: PydanticBaseSettingsSource,
    dotenv: PydanticBaseSettingsSource,
    toml: str | Path | None,
    profile: str | None,
) -> tuple[PydanticBaseSettingsSource, ...]:
    """Return every source of settings, highest priority first.

    Args:
        settings: All groups.
        overrides: What the command line gives.
        environment: The environment's variables.
        dotenv: Those of `.env`.
        toml: A TOML file; None takes the one that `REALTIME_CONFIG` names, if any.
        profile: A ready-made stack; None takes the one that `REALTIME_PROFILE` names, if any.

    Raises:
        ConfigError: A file that cannot be read, or an unknown name.
    """
    _refuse_unknown_variables(settings)
    sources = [
        overrides,
        InitSettingsSource(settings, _short(os.environ)),
        environment,
        InitSettingsSource(settings, _short(dotenv_values(DOTENV))),
        dotenv,
    ]
    config_file, profile_file = _config_file(toml), _profile_file(profile)
    if config_file is not None:
        sources.append(_read(TomlConfigSettingsSource, settings, config_file))
    if profile_file is not None:
        sources.append(_read(_ProfileSource, settings, profile_file))
    return tuple(sources)


@contextmanager
def explained() -> Iterator[None]:
    """Raise pydantic's validation errors as a `ConfigError` of one line."""
    try:
        yield
    except ValidationError as error:
        raise ConfigError(_explain(error)) from error
    except SettingsError as error:
        raise ConfigError(
            f"A variable in the environment or .env cannot be parsed ({error}). "
            "REALTIME_<GROUP>__OPTIONS must hold JSON."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"A file with settings cannot be read ({error}). Look at .env and the --config file: "
            "they must be text in UTF-8, and readable for the server."
        ) from error


def _short(variables: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the settings given by short variable names, in their groups."""
    found: dict[str, Any] = {}
    for name, (group, setting) in SHORT_NAMES.items():
        if variables.get(name):
            found.setdefault(group, {})[setting] = variables[name]
    return found


def _config_file(given: str | Path | None) -> Path | None:
    chosen = given or variable(CONFIG_VARIABLE)
    if not chosen:
        return None
    if not Path(chosen).is_file():
        named = "--config" if given else f"{CONFIG_VARIABLE} in the environment or .env"
        raise ConfigError(f"Configuration file {chosen} does not exist; check {named}.")
    return Path(chosen)


def _profile_file(given: str | None) -> Path | None:
    chosen = given or variable(PROFILE_VARIABLE)
    if not chosen:
        return None
    if chosen not in profile_names():
        raise ConfigError(
            f"There is no profile '{chosen}'; choose one of {', '.join(profile_names())} "
            f"(--profile, or {PROFILE_VARIABLE} in the environment or .env)."
        )
    return PROFILES / f"{chosen}.toml"


class _ProfileSource(TomlConfigSettingsSource):
    """A profile, without the stages for which a source above it names another provider."""

    def __call__(self) -> dict[str, Any]:
        chosen = {
            name: group.get("provider")
            for name, group in self.current_state.items()
            if isinstance(group, dict)
        }
        return {
            name: group
            for name, group in super().__call__().items()
            if chosen.get(name) in (None, group.get("provider"))
        }


def _read(
    kind: type[TomlConfigSettingsSource], settings: type[BaseSettings], file: Path
) -> TomlConfigSettingsSource:
    try:
        source = kind(settings, file)
    except TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}.") from error
    unknown = sorted(set(source.toml_data) - set(settings.model_fields))
    if unknown:
        raise ConfigError(
            f"Bad setting {unknown[0]}: {file} may have the tables "
            f"{', '.join(settings.model_fields)}. Look at config.py."
        )
    return source


def _refuse_unknown_variables(settings: type[BaseSettings]) -> None:
    """Reject misspelled variables; pydantic would ignore them, even one that sets keys."""
    for name in [*os.environ, *dotenv_values(DOTENV)]:
        if not name.upper().startswith(PREFIX) or name in VARIABLES:
            continue
        if name != name.upper():
            raise ConfigError(
                f"Bad setting {name}: variables are written in capitals. Call it {name.upper()}."
            )
        group, nested, _ = name.removeprefix(PREFIX).partition("__")
        if group.lower() in settings.model_fields:
            continue
        if not nested:
            raise ConfigError(
                f"Bad setting {name}: there is no such variable. Those without a group are "
                f"{', '.join(VARIABLES)}; all others are REALTIME_<GROUP>__<SETTING>."
            )
        raise ConfigError(
            f"Bad setting {name}: there is no group {group.lower()}; the groups are "
            f"{', '.join(settings.model_fields)}. Look at config.py."
        )


def _explain(error: ValidationError) -> str:
    """Render the first validation error as one line that names the setting and the remedy."""
    first = error.errors()[0]
    group, *rest = (str(part) for part in first["loc"])
    name = ".".join([group, *rest])
    named = _SHORTENED.get(name, PREFIX + "__".join([group, *rest]).upper())
    match first["type"]:
        case "extra_forbidden":
            reason = "there is no setting of that name"
        case "value_error":
            # From a check of our own, whose message shows no secret.
            reason = str(first["ctx"]["error"])
        case _:
            shown = _shown(first["input"], rest)
            reason = first["msg"][0].lower() + first["msg"][1:] + shown
    return f"Bad setting {name}: {reason}. Look at {named}, .env, the --config file and config.py."


def _shown(value: object, path: list[str]) -> str:
    """Return the value for the message, unless it may contain a key: a key, options, or a group."""
    plain = isinstance(value, str | int | float) and path
    secret = any("key" in part or part in ("options", "secret") for part in path)
    return f", not {value!r}" if plain and not secret else ""
