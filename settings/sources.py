"""The sources of settings, their order, and the errors for invalid ones.

`config.py` defines the settings. This module reads them from variables, `.env`, TOML files and
profiles, and rejects what pydantic would silently ignore: a misspelled setting may be the one that
protects the server.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tomllib import TOMLDecodeError
from types import UnionType
from typing import Any, Union, get_args, get_origin

from dotenv import dotenv_values
from pydantic import BaseModel, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsError,
    TomlConfigSettingsSource,
)

from settings.localisation import _
from settings.plain_words import literal_meant, meant, plain_reason

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
LANGUAGES = "languages"
"""A profile's table that names other profiles by the language they are better at."""
_JSON = {"", "OPTIONS", "HEADERS", "ENV"}
"""How variables end that hold JSON: whole groups, and tables in them."""
_SECRET = {"options", "secret", "authorization", "headers", "env"}
"""Settings of which no value is shown: it may be a key, or may hold one."""
_OF_A_PROVIDER = {"model", "voice_id", "api_base", "options"}
"""Settings of a stage that mean something to its provider only."""


class ConfigError(Exception):
    """A setting that cannot be used. The message names it, the reason and the remedy."""


def variable(name: str) -> str | None:
    """Return a variable of the environment, else of `.env`; one that is empty is not set."""
    return os.environ.get(name) or dotenv_values(DOTENV).get(name) or None


def chosen_profile() -> str | None:
    """Return the ready-made stack that the environment or `.env` names, if any."""
    return variable(PROFILE_VARIABLE)


def profile_names() -> list[str]:
    """Return the ready-made stacks, the default one first."""
    names = sorted(path.stem for path in PROFILES.glob("*.toml"))
    return sorted(names, key=lambda name: name != DEFAULT_PROFILE)


def profile_for(profile: str, language: str | None) -> str:
    """Return the profile that counts where a language is spoken: another one, or itself.

    Args:
        profile: A ready-made stack.
        language: As in `stt.language`, of which a region does not matter; None: any.

    Raises:
        ConfigError: A file that cannot be read, or one that names a profile that is not there.
    """
    file = PROFILES / f"{profile}.toml"
    named = _toml(file).get(LANGUAGES, {})
    better = named.get(str(language or "").lower().replace("_", "-").partition("-")[0], profile)
    if better not in profile_names():
        raise ConfigError(
            _("{file} names the profile '{name}' for a language, and there is none.").format(
                file=file, name=better
            )
        )
    return str(better)


def profile_tables(profile: str, language: str | None, where: str) -> dict[str, Any]:
    """Return the tables of a profile, or of the one that counts where a language is spoken.

    Args:
        profile: A ready-made stack.
        language: See `profile_for`.
        where: The setting that names the profile.

    Raises:
        ConfigError: There is no such profile, or its file cannot be read.
    """
    _check_profile(profile, where)
    file = PROFILES / f"{profile_for(profile, language)}.toml"
    return {name: table for name, table in _toml(file).items() if name != LANGUAGES}


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
def explained(settings: type[BaseSettings]) -> Iterator[None]:
    """Raise pydantic's validation errors as a `ConfigError` of one line.

    Args:
        settings: All groups, for the names that there are.
    """
    try:
        yield
    except ValidationError as error:
        raise ConfigError(_explain(error, settings)) from error
    except SettingsError as error:
        raise ConfigError(
            _(
                "Bad setting {name}: it must hold JSON, such as {example}. "
                "Look at the environment and .env."
            ).format(name=_not_json(), example="""'{"name": "value"}'""")
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            _(
                "A file with settings cannot be read ({error}). Look at .env and the --config "
                "file: they must be text in UTF-8, and readable for the server."
            ).format(error=error)
        ) from error


def _not_json() -> str:
    """Return the variable that should hold JSON and does not."""
    variables = {**dotenv_values(DOTENV), **os.environ}
    for name, value in variables.items():
        group, *path = name.removeprefix(PREFIX).split("__")
        if name.startswith(PREFIX) and group and (path[-1] if path else "") in _JSON:
            try:
                json.loads(value or "null")
            except ValueError:
                if name not in VARIABLES:
                    return name
    return f"{PREFIX}<GROUP>__OPTIONS"


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
        named = (
            "--config"
            if given
            else _("{variable} in the environment or .env").format(variable=CONFIG_VARIABLE)
        )
        raise ConfigError(
            _("Configuration file {file} does not exist; check {named}.").format(
                file=chosen, named=named
            )
        )
    return Path(chosen)


def _profile_file(given: str | None) -> Path | None:
    chosen = given or chosen_profile()
    if not chosen:
        return None
    where = _("--profile, or {variable} in the environment or .env")
    _check_profile(chosen, where.format(variable=PROFILE_VARIABLE))
    return PROFILES / f"{chosen}.toml"


def _check_profile(chosen: str, where: str) -> None:
    if chosen not in profile_names():
        raise ConfigError(
            _("There is no profile '{name}'.{meant} Choose one of {names} ({where}).").format(
                name=chosen,
                meant=meant(chosen, profile_names()),
                names=", ".join(profile_names()),
                where=where,
            )
        )


class _ProfileSource(TomlConfigSettingsSource):
    """A profile, or the one that it names for the language that is chosen above it.

    A stage for which a source above it names another provider is left out.
    """

    def __call__(self) -> dict[str, Any]:
        above = {name: group for name, group in self.current_state.items() if type(group) is dict}
        own = {name: table for name, table in self.toml_data.items() if name != LANGUAGES}
        profile = Path(str(self.toml_file_path)).stem
        better = profile_for(profile, above.get("stt", {}).get("language"))
        found = dict(own)
        if better != profile:
            for name, table in _toml(PROFILES / f"{better}.toml").items():
                chosen = above.get(name, {})
                # A model that is chosen without its provider is one of this profile's own.
                kept = own.get(name, {}) if _OF_A_PROVIDER & {*chosen} else table
                if chosen.get("provider", kept.get("provider")) == table.get("provider"):
                    found[name] = table
        return {
            name: table
            for name, table in found.items()
            if above.get(name, {}).get("provider") in (None, table.get("provider"))
        }


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except TOMLDecodeError as error:
        raise ConfigError(
            _("{file} is not valid TOML: {error}.").format(file=file, error=error)
        ) from error


def _read(
    kind: type[TomlConfigSettingsSource], settings: type[BaseSettings], file: Path
) -> TomlConfigSettingsSource:
    of_profiles = {LANGUAGES} if kind is _ProfileSource else set()
    unknown = sorted(set(_toml(file)) - set(settings.model_fields) - of_profiles)
    if unknown:
        raise ConfigError(
            _(
                "Bad setting {name}: there is no such table.{meant} {file} may have the tables "
                "{names}. Look at config.py."
            ).format(
                name=unknown[0],
                meant=meant(unknown[0], settings.model_fields),
                file=file,
                names=", ".join(settings.model_fields),
            )
        )
    return kind(settings, file)


def _refuse_unknown_variables(settings: type[BaseSettings]) -> None:
    """Reject misspelled variables; pydantic would ignore them, even one that sets keys."""
    for name in [*os.environ, *dotenv_values(DOTENV)]:
        if not name.upper().startswith(PREFIX) or name in VARIABLES:
            continue
        if name != name.upper():
            raise ConfigError(
                _(
                    "Bad setting {name}: variables are written in capitals. Call it {capitals}."
                ).format(name=name, capitals=name.upper())
            )
        group, nested, _setting = name.removeprefix(PREFIX).partition("__")
        if group.lower() in settings.model_fields:
            continue
        near = meant(name, _all_variables(settings))
        if not nested:
            raise ConfigError(
                _(
                    "Bad setting {name}: there is no such variable.{meant} Those without a group "
                    "are {names}; all others are REALTIME_<GROUP>__<SETTING>."
                ).format(name=name, meant=near, names=", ".join(VARIABLES))
            )
        raise ConfigError(
            _(
                "Bad setting {name}: there is no group {group}.{meant} The groups are {names}. "
                "Look at config.py."
            ).format(
                name=name, group=group.lower(), meant=near, names=", ".join(settings.model_fields)
            )
        )


def _all_variables(settings: type[BaseSettings]) -> list[str]:
    named = [
        f"{PREFIX}{group}__{setting}".upper()
        for group in settings.model_fields
        for setting in _settings_of(settings, group)
    ]
    return [*VARIABLES, *named]


def _settings_of(settings: type[BaseSettings], group: str) -> list[str]:
    """Return the names of a group's settings; none if there is no such group."""
    field = settings.model_fields.get(group)
    return _names_in(field.annotation if field is not None else None)


def _names_in(model: object) -> list[str]:
    if isinstance(model, type) and issubclass(model, BaseModel):
        return list(model.model_fields)
    return []


def _beside(settings: type[BaseSettings], path: tuple[int | str, ...]) -> list[str]:
    """Return the names that there are where a setting of a path was looked for."""
    model: Any = settings
    for part in path[:-1]:
        if isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(str(part))
            model = _table_in(field.annotation) if field is not None else None
        else:
            # A table of tables, as `stacks` is: all have the same settings.
            model = (get_args(model) or (None,))[-1]
    return _names_in(model)


def _table_in(annotation: Any) -> Any:
    """Return the table among what a setting may be, such as a word or a table; else all of it."""
    if get_origin(annotation) not in (Union, UnionType):
        return annotation
    return next((model for model in get_args(annotation) if _names_in(model)), annotation)


def _explain(error: ValidationError, settings: type[BaseSettings]) -> str:
    """Render the first validation error as one line that names the setting and the remedy."""
    first = error.errors()[0]
    group, *rest = (str(part) for part in first["loc"])
    name = ".".join([group, *rest])
    named = _SHORTENED.get(name, PREFIX + "__".join([group, *rest]).upper())
    match first["type"]:
        case "extra_forbidden":
            reason = _("there is no setting of that name")
            near = meant(rest[-1], _beside(settings, first["loc"])) if rest else ""
        case "value_error":
            # From a check of our own, whose message shows no secret.
            reason, near = plain_reason(first), ""
        case _:
            shown = _shown(first["input"], rest)
            reason, near = plain_reason(first) + shown, literal_meant(first) if shown else ""
    return _(
        "Bad setting {name}: {reason}.{meant} Look at {variable}, .env, the --config file and "
        "config.py."
    ).format(name=name, reason=reason, meant=near, variable=named)


def _shown(value: object, path: list[str]) -> str:
    """Return the value for the message, unless it may contain a key: a key, options, or a group."""
    plain = isinstance(value, str | int | float) and path
    secret = any("key" in part or part in _SECRET for part in path)
    return ", " + _("not {value}").format(value=repr(value)) if plain and not secret else ""
