"""Further stacks of one server, `[stacks.NAME]`: their names, and what they need not say again.

A stack is chosen by its name as the model of a session (`docs/wire.md` §D.7). What its tables leave
unsaid is said by its profile, then by the server's own tables. Settings that mean something to one
provider only are not taken over for another, and a key is not sent to another address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from settings.group import Group
from settings.localisation import _
from settings.sources import profile_tables

DEFAULT_STACK = "default"
"""What the stack of the server's own tables is called, where stacks are told apart."""
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]|_(?!_)){0,63}")
"""Matches what both a URL and the name of a variable can carry."""
_OF_CONVERSATIONS = {"default_instructions", "language"}
"""Settings of a stage that hold whichever provider serves it."""
_OF_MODELS = {"model", "voice_id", "options", "context_tokens", "temperature", "noise_reduced"}
"""Settings of a stage that belong to its model: a profile brings its own, with all of them."""
_OF_HEARING = "audios"
"""An option of a model that hears: one that does not would be refused with it."""

_SETTING = re.compile(r"(?<![\w./-])(stt|llm|tts|upstream|processors)\.(?=[a-z_]+\b)")
"""Finds where a text names a setting of a stage: `llm.api_base`."""
_VARIABLE = re.compile(r"\bREALTIME_(?=(?:STT|LLM|TTS|UPSTREAM|PROCESSORS)__)")
"""Finds where it names the variable: `REALTIME_LLM__API_BASE`."""

_Stack = TypeVar("_Stack", bound=BaseModel)
_Named = TypeVar("_Named")


def valid_stack_names(stacks: dict[str, _Named]) -> dict[str, _Named]:
    """Refuse names of stacks that cannot be asked for, or that are taken; raises `ValueError`."""
    for name in stacks:
        if name == DEFAULT_STACK:
            raise ValueError(
                _(
                    "no stack may be called '{name}': so is the one of the tables [stt], [llm] and "
                    "[tts]; choose another name"
                ).format(name=name)
            )
        if not _NAME.fullmatch(name):
            raise ValueError(
                _(
                    "'{name}' cannot be the name of a stack; use up to 64 lower-case letters, "
                    "digits, '.', '-' and '_' (not two in a row), a letter or digit first"
                ).format(name=name)
            )
    return stacks


def in_stack(text: str, name: str) -> str:
    """Return a text about settings of stages as it has to be for those of a stack.

    Args:
        text: A remedy, which names `llm.api_base` or `REALTIME_LLM__API_BASE`.
        name: The stack; of the default one, the text stays as it is.
    """
    if name == DEFAULT_STACK:
        return text
    text = _SETTING.sub(rf"stacks.{name}.\1.", text)
    return _VARIABLE.sub(f"REALTIME_STACKS__{name.upper()}__", text)


def completed(name: str, stack: _Stack, server: Mapping[str, Any]) -> _Stack:
    """Return a stack with all that it leaves unsaid.

    Args:
        name: Its name.
        stack: Its table: `profile`, and groups of settings that the server has too.
        server: Group → the server's own settings.

    Raises:
        ConfigError: There is no such profile.
    """
    groups = {kind: group for kind, group in stack if isinstance(group, Group)}
    profile, language = getattr(stack, "profile", None), _said(groups["stt"]).get("language")
    ready_made = profile_tables(profile, language, f"stacks.{name}.profile") if profile else {}
    if not groups["upstream"].model_fields_set:
        # What stands behind the server's own sessions is no stage that others lack.
        del groups["upstream"]
    # Which of those it says itself is asked later: the others may come from code.
    server = {**server, "processors": type(groups["processors"])()}
    return stack.model_copy(
        update={
            kind: type(group)(
                **_table(_said(group), ready_made.get(kind, {}), _in_use(server[kind]))
            )
            for kind, group in groups.items()
        }
    )


def _said(group: BaseModel) -> dict[str, Any]:
    """Return what is set in a group, without its defaults."""
    return {name: value for name, value in group if name in group.model_fields_set}


def _in_use(group: BaseModel) -> dict[str, Any]:
    """Return what is set in a group, and its provider in any case."""
    return {
        name: value for name, value in group if name in group.model_fields_set or name == "provider"
    }


def _table(
    own: dict[str, Any], ready_made: dict[str, Any], server: dict[str, Any]
) -> dict[str, Any]:
    """Merge the three places that say something about one group of a stack.

    Args:
        own: The stack's table.
        ready_made: Its profile's; empty: it has none.
        server: The server's.
    """
    if own.get("provider", ready_made.get("provider")) != ready_made.get("provider"):
        ready_made = {}
    chosen = {**ready_made, **own}
    if chosen.get("provider", server.get("provider")) != server.get("provider"):
        taken = _OF_CONVERSATIONS & {*server}
    else:
        taken = {*server} - (_OF_MODELS if ready_made else set())
    if ready_made:
        taken -= {"language"}
    if "api_base" in chosen:
        taken -= {"api_key"}
    if chosen.get("audio_input") is False:
        taken -= {"noise_reduced"}
    inherited = {name: server[name] for name in taken}
    if chosen.get("audio_input") is False and "options" in inherited:
        options = inherited["options"]
        inherited["options"] = {name: options[name] for name in options if name != _OF_HEARING}
    return {**inherited, **chosen}
