"""Brings the script and the journal of a server under test together with its sessions.

The routes of a test (`routes.py`) write the script and read the journal here; the server asks here
which stages, which tap, which faults and which clock its sessions have.
"""

from __future__ import annotations

import asyncio
from functools import partial
from random import Random

from config import Settings
from peers.faulty import Faults
from pipeline_manager import PipelineManager
from providers.testing_stages import stages
from serving.admission import Admitted
from testing.journal import Journal, SessionJournal
from testing.script import Script
from testing.virtual_clock import VirtualClock, VirtualClockLoop
from translation.settings import TranslationSettings
from wire.client_events import AppendAudio
from wire.response_events import OutputAudioDelta
from wire.translation_events import AppendSourceAudio


class Desk:
    """The script that a test writes, and the journal that it reads."""

    def __init__(self) -> None:
        """Start with an empty script and an empty journal."""
        self.script = Script()
        self.journal = Journal()
        self._connections = 0
        """How many WebSockets were opened since the last reset."""

    @property
    def clock(self) -> VirtualClock | None:
        """The sessions' own clock; None: they have the machine's."""
        loop = asyncio.get_running_loop()
        return loop.clock if isinstance(loop, VirtualClockLoop) else None

    def random(self) -> Random:
        """Return what the next connection draws its ids from: the same each time, by its number."""
        self._connections += 1
        return Random(self._connections)

    def manager(self, settings: Settings) -> PipelineManager | None:
        """Return the default stack's pipelines: the script plays each stage that is not set.

        Args:
            settings: The configuration.

        Returns:
            The pipelines; None: an upstream is in their place, as without a test.

        Raises:
            ProviderSetupError: A provider that is named cannot work as configured.
        """
        if settings.upstream.provider is not None:
            return None
        return PipelineManager(settings, **stages(settings, self.script))

    def listen(self, admitted: Admitted) -> SessionJournal:
        """Return what listens to a session."""
        config = admitted.config
        translates = isinstance(config, TranslationSettings)
        append = AppendSourceAudio if translates else AppendAudio
        delta = OutputAudioDelta.beta if admitted.beta else OutputAudioDelta.type
        assert delta is not None
        return self.journal.begin(config.id, admitted.label, append.type_name(), delta)

    def faults(self, admitted: Admitted) -> Faults:
        """Return what says which faults a session has."""
        return partial(self.script.sent, admitted.config.id)

    def reset(self) -> None:
        """Forget the script and the journal."""
        self._connections = 0
        self.script.reset()
        self.journal.reset()
