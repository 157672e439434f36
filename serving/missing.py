"""Everything that a stack needs and does not have, found out at once and before it starts.

A new stack lacks several things: packages, keys, a model. Told one per start, they take as many
starts. What `--install` can get is told apart from what only the user can do.
"""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field

from config import LLMConfig, Settings
from providers.llm.ollama_models import DEFAULT_MODEL, OllamaFailure, OllamaModels
from serving.first_downloads import FirstDownload, first_downloads
from settings.extras import download_bytes, extra_names, lacking
from settings.installation import build_image, in_image, install_extra
from settings.localisation import _
from settings.provider_declarations import Declaration, Kind, declarations
from settings.sources import PROFILES, profile_for
from settings.stacks import DEFAULT_STACK, in_stack

MB = 1_000_000
KINDS: tuple[Kind, ...] = ("stt", "llm", "tts")
MODEL_MB = {"llama3.2": 2000, "qwen2.5": 4700}
"""Their sizes, of our profiles' models; of others Ollama tells the size as it begins."""
NEVER_REQUIRED = ("openai",)
"""Providers whose service may need no key: whether one was needed, it says itself."""


@dataclass(frozen=True, slots=True)
class OllamaModel:
    """A model that is to be pulled."""

    name: str
    config: LLMConfig
    """Where its Ollama is."""


@dataclass(slots=True)
class Missing:
    """What the stacks lack."""

    extras: list[str] = field(default_factory=list)
    """Extras with packages that are not installed."""
    packages: list[str] = field(default_factory=list)
    """Their names."""
    models: list[OllamaModel] = field(default_factory=list)
    """The models that an Ollama does not have."""
    downloads: list[FirstDownload] = field(default_factory=list)
    """Models that the server fetches by itself as it starts."""
    yours: list[str] = field(default_factory=list)
    """What only the user can do, in sentences with the remedy."""
    stops: bool = False
    """Whether the server cannot start like this."""

    @property
    def installable(self) -> bool:
        """Whether `--install` can get some of it."""
        return bool(self.extras or self.models)

    def __bool__(self) -> bool:
        return self.installable or bool(self.yours)

    def told(self, command: str) -> str:
        """Return all of it: one line if it is one thing, else a line for each.

        Args:
            command: What installs that which can be installed.
        """
        lines = [*self._installs(command), *self._fetches(), *self.yours]
        if len(lines) == 1:
            return lines[0]
        head = _("{count} things are missing:").format(count=len(lines))
        sizes = [*self._megabytes()]
        if len(sizes) > 1:
            head = _("{count} things are missing, {size} to download:").format(
                count=len(lines), size=_shown(sum(sizes))
            )
        return "\n".join([head, *(f"  - {line}" for line in lines)])

    def _megabytes(self) -> Iterator[float]:
        if self.extras:
            yield download_bytes(self.extras) / MB
        yield from filter(None, (_size_of(model.name) for model in self.models))
        yield from (found.megabytes for found in self.downloads)

    def _fetches(self) -> Iterator[str]:
        for found in self.downloads:
            yield _("The model {name}, {size}: the server fetches it as it starts.").format(
                name=found.name, size=_shown(found.megabytes)
            )

    def _installs(self, command: str) -> Iterator[str]:
        if self.extras and in_image():
            yield _("Packages, {size} MB to download: {packages}. {command}").format(
                size=max(1, round(download_bytes(self.extras) / MB)),
                packages=", ".join(self.packages),
                command=build_image(self.extras),
            )
        elif self.extras:
            manual = " && ".join(filter(None, map(install_extra, self.extras)))
            yield _("Packages, {size} MB to download: {packages}. {command} (or: {manual})").format(
                size=max(1, round(download_bytes(self.extras) / MB)),
                packages=", ".join(self.packages),
                command=command,
                manual=manual,
            )
        for model in self.models:
            size = _size_of(model.name)
            yield _("Ollama's model {model}{size}. {command} (or: {manual})").format(
                model=model.name,
                size=f", {_shown(size)}" if size else "",
                command=command,
                manual=f"ollama pull {model.name}",
            )


def _size_of(model: str) -> int | None:
    return MODEL_MB.get(model.removesuffix(":latest"))


def _shown(megabytes: float) -> str:
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes:.0f} MB"


def missing(settings: Settings, profile: str | None, *, ask_ollama: bool) -> Missing:
    """Return what the configured stacks lack.

    Args:
        settings: The configuration.
        profile: The ready-made stack that was asked for as the default one, if any.
        ask_ollama: Whether Ollama, if it is in the stack, is asked for its model; that may take
            seconds.
    """
    found = Missing()
    _look(settings, profile, DEFAULT_STACK, found, ask_ollama=ask_ollama)
    for name, stack in settings.stacks.items():
        own = settings.of_stack(name)
        _look(own, stack.profile, name, found, ask_ollama=ask_ollama)
    return found


def _look(
    settings: Settings, profile: str | None, stack: str, found: Missing, *, ask_ollama: bool
) -> None:
    """Add what the stack of a name lacks."""
    found.downloads += [one for one in first_downloads(settings) if one not in found.downloads]
    for name, required in _extras(settings, profile).items():
        packages = lacking(name)
        if packages:
            found.extras += [name] if name not in found.extras else []
            found.packages += [one for one in packages if one not in found.packages]
            found.stops |= required
    for declared in _declared(settings):
        told = _missing_key(settings, declared)
        if told:
            found.yours.append(in_stack(told, stack))
            found.stops |= declared.name not in NEVER_REQUIRED
    if ask_ollama and settings.llm.provider == "ollama":
        _ask_ollama(settings, stack, found)


def ollama_of(config: LLMConfig) -> OllamaModels:
    """Return the Ollama of a stack."""
    return OllamaModels(config.api_base, config.resolved_key())


def _declared(settings: Settings) -> Iterator[Declaration]:
    chosen = {(kind, getattr(settings, kind).provider) for kind in KINDS}
    return (found for found in declarations() if (found.kind, found.name) in chosen)


def _extras(settings: Settings, profile: str | None) -> dict[str, bool]:
    """Return the extras of the stack → whether it cannot start without."""
    there = extra_names()
    found = {declared.name: declared.extra for declared in _declared(settings)}
    found |= dict.fromkeys(_of_models(settings), True)
    if settings.server.tracing:
        found["tracing"] = True
    if settings.mcp.used:
        found["mcp"] = True
    if settings.limits.store is not None:
        found["redis"] = True
    whole = profile_for(profile, settings.stt.language) if profile else None
    if whole and whole not in found and _is_whole(settings, whole):
        found[whole] = True
    return {name: required for name, required in found.items() if name in there}


def _of_models(settings: Settings) -> Iterator[str]:
    """Yield the extras that a model of the embedded stack needs, if one is chosen."""
    if settings.stt.provider == "embedded" and settings.stt.model == "base":
        yield "offline"
    if settings.llm.provider == "embedded" and (settings.llm.model or "").endswith(".gguf"):
        yield "gguf"


def _is_whole(settings: Settings, profile: str) -> bool:
    """Return whether all stages are those of the profile, and not chosen otherwise."""
    with (PROFILES / f"{profile}.toml").open("rb") as file:
        stages = tomllib.load(file)
    return all(
        getattr(settings, kind).provider == stages.get(kind, {}).get("provider") for kind in KINDS
    )


def _missing_key(settings: Settings, declared: Declaration) -> str | None:
    group = getattr(settings, declared.kind)
    if declared.key_variable is None or group.api_base is not None or group.resolved_key():
        return None
    return _("{stage}.provider '{provider}' needs an API key: set {variable}.").format(
        stage=declared.kind, provider=declared.name, variable=declared.key_variable
    )


def _ask_ollama(settings: Settings, stack: str, found: Missing) -> None:
    ollama, model = ollama_of(settings.llm), settings.llm.model or DEFAULT_MODEL
    try:
        if model not in ollama.names() and not _is_known(model, ollama, found):
            found.models.append(OllamaModel(model, settings.llm))
    except OllamaFailure as failure:
        if shutil.which("ollama") or settings.llm.api_base:
            remedy = _("start it with `ollama serve`, or say where it is with llm.api_base")
        else:
            remedy = _("install it (https://ollama.com/download) and start it")
        told = _("Ollama does not answer at {address} ({reason}): {remedy}.").format(
            address=ollama.address, reason=failure, remedy=in_stack(remedy, stack)
        )
        found.yours += [told] if told not in found.yours else []


def _is_known(model: str, ollama: OllamaModels, found: Missing) -> bool:
    return any(
        other.name == model and ollama_of(other.config).address == ollama.address
        for other in found.models
    )
