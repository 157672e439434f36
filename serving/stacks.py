"""The stacks of one server, and which of them a session gets (§D.7).

The default stack is that of the tables `[stt]`, `[llm]` and `[tts]`. Each `[stacks.NAME]` adds one,
for sessions whose model has that name. What two stacks share is loaded once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from config import Settings
from pipeline_manager import STAGES, PipelineManager, StageKind, pipelines_for
from providers.base import Provider, ProviderSetupError
from session.ports import FailingStage
from settings.localisation import in_english
from settings.stacks import DEFAULT_STACK, in_stack


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """What hears, answers and speaks in a session."""

    name: str
    settings: Settings
    """The server's, with this stack's stages."""
    pipelines: PipelineManager

    @property
    def is_default(self) -> bool:
        """Whether it is the one of all models that name no other."""
        return self.name == DEFAULT_STACK

    def told(self) -> Mapping[StageKind, str]:
        """Return stage → the label of what is in use, in English, for clients."""
        with in_english():
            return self.pipelines.labels()


def bare(address: str) -> str:
    """Return an address as people tell it: without scheme, or the key that it may have."""
    url = urlsplit(address)
    return f"{url.netloc.rpartition('@')[2]}{url.path}".rstrip("/")


@dataclass(frozen=True, slots=True)
class Service:
    """What serves a stage from outside this process."""

    stack: Stack
    kind: FailingStage
    provider: Provider
    address: str


class Stacks:
    """All stacks of the process; iterates over them, the default one first."""

    def __init__(self, settings: Settings, manager: PipelineManager | None = None) -> None:
        """Build the providers of all stacks.

        Args:
            settings: The configuration.
            manager: A pipeline manager of your own for the default stack; None builds one. Other
                stacks have its processors too, where their own tables say nothing else.

        Raises:
            ProviderSetupError: A provider does not exist or cannot work as configured.
        """
        pipelines = manager or pipelines_for(settings)
        self.default = Stack(DEFAULT_STACK, settings, pipelines)
        self._all = {DEFAULT_STACK: self.default}
        for name in settings.stacks:
            own = settings.of_stack(name)
            beside = [stack.pipelines for stack in self]
            try:
                # The default stack's may have been given in code: no client leaves a filter by
                # asking for another model.
                processors = pipelines.processors.with_own(settings.stacks[name].processors)
                self._all[name] = Stack(name, own, pipelines_for(own, beside, processors, name))
            except ProviderSetupError as error:
                raise _in_table(name, error) from error

    def __iter__(self) -> Iterator[Stack]:
        """Yield the default stack, and then the others."""
        return iter(list(self._all.values()))

    @property
    def named(self) -> Sequence[Stack]:
        """The stacks beside the default one."""
        return list(self._all.values())[1:]

    def of(self, model: str | None) -> Stack:
        """Return the stack that a session gets.

        Args:
            model: The name that the client asks for; None: it names no model.
        """
        return self.default if model is None else self._all.get(model, self.default)

    def told(self, stack: Stack) -> dict[str, str]:
        """Return a stack's `told`, with the address where another has the same label elsewhere."""
        told: dict[str, str] = {}
        labels = {id(one): one.told() for one in self}
        there = stack.pipelines.addresses()
        for kind, label in stack.told().items():
            alike = [one for one in self if labels[id(one)].get(kind) == label]
            address = there.get(kind)
            differ = any(one.pipelines.addresses().get(kind) != address for one in alike)
            told[kind] = f"{label} ({bare(address)})" if address is not None and differ else label
        return told

    async def start(self) -> None:
        """Load all models, once, before the first session.

        Raises:
            ProviderSetupError: A provider cannot start; those that did are closed again.
        """
        started: list[Stack] = []
        try:
            for stack in self:
                try:
                    await stack.pipelines.start()
                except ProviderSetupError as error:
                    raise error if stack.is_default else _in_table(stack.name, error) from error
                started.append(stack)
        except BaseException:
            await _close(started)
            raise

    async def close(self) -> None:
        """Release what `start` loaded."""
        await _close(list(self))

    def services(self) -> dict[str, Service]:
        """Return the services of all stages that do not run in this process, by name.

        A stage of another stack than the default one is named with it, `fast.llm`, and left out
        where an earlier stack has the same provider.
        """
        found: dict[str, Service] = {}
        seen: set[Provider] = set()
        for stack in self:
            stages = stack.pipelines.stages()
            for kind, address in stack.pipelines.addresses().items():
                if stages[kind] not in seen:
                    name = kind if stack.is_default else f"{stack.name}.{kind}"
                    found[name] = Service(stack, STAGES[kind], stages[kind], address)
            seen.update(stages.values())
        return found

    def redacted(self, text: str) -> str:
        """Return `text` with the secrets of all providers redacted."""
        for stack in self:
            text = stack.pipelines.redacted(text)
        return text


def _in_table(name: str, error: ProviderSetupError) -> ProviderSetupError:
    return ProviderSetupError(f"[stacks.{name}] {in_stack(str(error), name)}")


async def _close(stacks: list[Stack]) -> None:
    # What others use with it is released last.
    for stack in reversed(stacks):
        await stack.pipelines.close()
