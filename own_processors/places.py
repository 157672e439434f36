"""Where processors of one's own stand, and how they come to be.

A processor is named by its class, in the settings or in code, and built anew for every pipeline:
each session has its own before the recogniser and behind it, each response its own before the
model, the voice and the client. So none sees frames of two responses, and what it remembers goes
with its pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Literal, get_args

from pipecat.audio.filters.base_audio_filter import BaseAudioFilter
from pipecat.processors.frame_processor import FrameProcessor

from own_processors.audio_filters import FilteredAudio
from own_processors.guard import Guard, guarded
from providers.base import ProviderSetupError
from providers.quoted import brief
from settings.localisation import _
from settings.own_modules import missing, where_modules_are
from settings.processor_settings import ProcessorConfig

Place = Literal["before_recogniser", "before_model", "before_voice", "before_client"]
PLACES: tuple[Place, ...] = get_args(Place)

Maker = Callable[[], Any]
"""Builds a processor: its class, or a function without arguments that returns one. Where audio
passes, it may be one of Pipecat's audio filters."""

_UNSET = ProcessorConfig()
"""What holds where the settings say nothing."""
_WITH_AUDIO: tuple[Place, ...] = ("before_recogniser", "before_client")


@dataclass(frozen=True, slots=True)
class NamedProcessor:
    """A processor that was built, and how errors call it."""

    processor: FrameProcessor
    name: str
    """Its class, or the function that builds what is made of several, and the setting of its place.
    """
    guards: Mapping[FrameProcessor, Guard]
    """What stands around it, and around each that it is made of."""


@dataclass(frozen=True, slots=True)
class Processors:
    """Processors of one's own, in the order in which frames pass them.

    README, "Your own processors", says which frames pass at each place.
    """

    before_recogniser: Sequence[Maker] = ()
    before_model: Sequence[Maker] = ()
    before_voice: Sequence[Maker] = ()
    before_client: Sequence[Maker] = ()
    timeout_s: float | None = None
    """Seconds that one may be at a frame or in its setup, or hold back what the next stage waits
    for; None: as the settings say, or else usual."""
    _told: set[str] = field(default_factory=set, init=False, compare=False, repr=False)
    """What the log has said once already of any of them: they are built anew for each answer."""

    @property
    def behind_model(self) -> bool:
        """Whether any stands between the model and the client."""
        return bool(self.before_voice or self.before_client)

    @property
    def limit_s(self) -> float:
        """`timeout_s`, or the usual one."""
        return _UNSET.timeout_s if self.timeout_s is None else self.timeout_s

    @property
    def names(self) -> list[str]:
        """What they are called, each with its place, for the start-up banner."""
        return [f"{name} ({place})" for place in PLACES for name in self.names_at(place)]

    def names_at(self, place: Place) -> list[str]:
        """Return what those of one place are called."""
        return [_called(maker) for maker in getattr(self, place)]

    def with_own(self, own: ProcessorConfig) -> Processors:
        """Return those of another stack.

        Args:
            own: What its own table says; what that leaves unsaid is as here.

        Raises:
            ProviderSetupError: One cannot be imported, or is no processor.
        """
        loaded = load(own)
        return replace(self, **{name: getattr(loaded, name) for name in own.model_fields_set})

    def over(self, others: Processors) -> Processors:
        """Return these, and at the places where there are none of these, those of `others`."""
        given = {place: getattr(self, place) or getattr(others, place) for place in PLACES}
        timeout_s = others.timeout_s if self.timeout_s is None else self.timeout_s
        return Processors(**given, timeout_s=timeout_s)

    def make(self, place: Place) -> list[NamedProcessor]:
        """Build the processors of a place for one pipeline.

        Raises:
            ProviderSetupError: One cannot be built, or is no processor.
        """
        makers: Sequence[Maker] = getattr(self, place)
        return [_made(maker, place, self.limit_s, self._told) for maker in makers]

    def check(self) -> None:
        """Build each once, so that a refusal is known before the first session.

        Raises:
            ProviderSetupError: One cannot be built, or is no processor.
        """
        for place in PLACES:
            self.make(place)


NO_PROCESSORS = Processors()


def load(config: ProcessorConfig) -> Processors:
    """Import the classes that the settings name.

    Raises:
        ProviderSetupError: One cannot be imported, or is no processor.
    """
    if config == _UNSET:
        return NO_PROCESSORS
    found = {
        place: tuple(_imported(name, place) for name in getattr(config, place)) for place in PLACES
    }
    return Processors(**found, timeout_s=config.timeout_s)


def _imported(name: str, place: Place) -> Maker:
    module, _colon, attribute = name.partition(":")
    try:
        found: Any = getattr(import_module(module), attribute)
    # A module of one's own runs at its import, and may raise anything.
    except KeyboardInterrupt:
        # Nobody listens to Ctrl-C yet but Python: it is the operator's.
        raise
    except BaseException as error:
        reason = f"{type(error).__name__}: {brief(error)}"
        if missing(module, error):
            reason = f"{reason} ({where_modules_are()})"
        raise _refused(name, place, reason) from error
    if isinstance(found, type) and not issubclass(found, FrameProcessor | BaseAudioFilter):
        raise _refused(name, place, _("it does not derive from Pipecat's FrameProcessor"))
    if not callable(found):
        raise _refused(name, place, _("it is neither a class nor a function"))
    maker: Maker = found
    return maker


def _made(maker: Maker, place: Place, timeout_s: float, told: set[str]) -> NamedProcessor:
    called = _called(maker)
    try:
        made = maker()
    # Its code is somebody's own, and may raise `SystemExit` too.
    except BaseException as error:
        raise _refused(called, place, f"{type(error).__name__}: {brief(error)}") from error
    kind = type(made).__name__
    if isinstance(made, BaseAudioFilter):
        if place not in _WITH_AUDIO:
            raise _refused(called, place, _("it filters audio, and none passes here"))
        made = FilteredAudio(maker)
    if not isinstance(made, FrameProcessor):
        what = _("it made a {kind}, which is no FrameProcessor of Pipecat's")
        raise _refused(called, place, what.format(kind=kind))
    if made.processors and called.isidentifier():
        # Of what Pipecat's class is called nobody could tell which one it is.
        kind = called
    name = f"{kind} (processors.{place})"
    return NamedProcessor(made, name, guarded(made, name, timeout_s, told))


def _called(maker: Maker) -> str:
    name: str = getattr(maker, "__name__", type(maker).__name__)
    return name


def _refused(name: str, place: Place, reason: str) -> ProviderSetupError:
    told = _("{name} cannot be used ({setting}, {variable}): {reason}.")
    setting = f"processors.{place}"
    variable = f"REALTIME_PROCESSORS__{place.upper()}"
    line = " ".join(reason.split()).rstrip(".")
    return ProviderSetupError(
        told.format(name=name, setting=setting, variable=variable, reason=line)
    )
