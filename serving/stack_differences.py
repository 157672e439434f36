"""What another stack has that the default one has not, for the banner and the console.

Two stacks with the same label, say the same voices, differ all the same where one speaks with
another of them; so single settings are named too, with values that are short and no secret.
"""

from __future__ import annotations

from collections.abc import Iterator

from config import Settings
from serving.stacks import Stack, bare
from settings.group import Group
from settings.localisation import _

_IN_LABELS = {
    "vad": ("type", "threshold", "silence_duration_ms"),
    "stt": ("provider", "model", "api_base"),
    "llm": ("provider", "model", "api_base", "audio_input"),
    "tts": ("provider", "model", "api_base"),
}
"""Settings of a group that the label of its stage tells."""
_OF_ANY = ("language", "voice_id", "default_instructions")
"""Settings that mean the same for all providers: of others, all else differs by nature."""
_LONGEST = 40
"""Characters of a value that is shown."""


def differences(stack: Stack, default: Stack) -> list[str]:
    """Return what differs, as `LLM llama at gpu` and `turns.rejoin_ms = 300`; none: nothing does.

    Args:
        stack: One of `[stacks.NAME]`.
        default: That of the server's own tables.
    """
    found = [*_labels(stack, default)]
    for group in _groups(stack.settings):
        found += _settings(group, stack.settings, default.settings)
    found += _addresses(stack, default)
    if found or stack.pipelines.stages() == default.pipelines.stages():
        return found
    # A provider of one's own that was passed to the default stack.
    return [f"{kind} {label}" for kind, label in stack.pipelines.describe().items()]


def _labels(stack: Stack, default: Stack) -> Iterator[str]:
    told, usually = stack.pipelines.describe(), default.pipelines.describe()
    yield from (f"{kind} {label}" for kind, label in told.items() if label != usually.get(kind))
    if "Processors" in usually and "Processors" not in told and not _upstream(stack):
        yield _("no processors")


def _addresses(stack: Stack, default: Stack) -> Iterator[str]:
    """Yield the addresses of stages that differ where the labels, which name the host, do not."""
    told, usually = stack.pipelines.labels(), default.pipelines.labels()
    there, usual = stack.pipelines.addresses(), default.pipelines.addresses()
    for kind, address in there.items():
        if told[kind] == usually.get(kind) and address != usual.get(kind):
            yield f"{kind}.api_base = {bare(address)}"


def _groups(settings: Settings) -> tuple[str, ...]:
    # An upstream is told by its label, and stands in place of the stages.
    stages = () if settings.upstream.provider is not None else ("stt", "llm", "tts")
    return (*stages, "vad", "turns")


def _settings(group: str, own: Settings, usual: Settings) -> Iterator[str]:
    mine: Group = getattr(own, group)
    others: Group = getattr(usual, group)
    another = getattr(mine, "provider", None) != getattr(others, "provider", None)
    for name, value in mine:
        told = name in _IN_LABELS.get(group, ())
        # Answers of an upstream are not begun early, whatever is set.
        told |= name == "speculative" and own.upstream.provider is not None
        if told or (another and name not in _OF_ANY) or value == getattr(others, name):
            continue
        short = isinstance(value, bool | int | float | str) and len(str(value)) <= _LONGEST
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        hidden = name == "default_instructions" or not short
        yield f"{group}.{name}" if hidden else f"{group}.{name} = {shown}"


def _upstream(stack: Stack) -> bool:
    return stack.settings.upstream.provider is not None
