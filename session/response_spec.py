"""The parameters of one response: the client's overrides on top of the session's (§A.9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audio.formats import AudioFormat
from session.conversation import Conversation
from session.item_input import build_item
from session.items import FunctionCall, FunctionCallOutput, Item
from session.limits import check_prompt
from session.mcp_settings import ToolEntry
from session.provider_checks import check_tool_choice
from session.session_config import SessionConfig
from wire.envelope import new_id
from wire.errors import ProtocolError
from wire.item_fields import ItemReference
from wire.media import Media
from wire.response_fields import BetaResponseOptions, ResponseAudioOutput, ResponseOptions
from wire.session_fields import voice_name


@dataclass(slots=True)
class ResponseSpec:
    """The parameters of one response; its wire form echoes them."""

    id: str
    modalities: list[str]
    voice: str
    format: AudioFormat
    instructions: str
    tools: list[ToolEntry]
    tool_choice: str | dict[str, Any]
    max_output_tokens: int | str
    metadata: dict[str, str] | None
    in_conversation: bool = True
    input: list[Item] | None = None
    """The items to read instead of the conversation's; None: the conversation's."""
    speed: float = 1.0
    """Pace of the voice; 1.0 is its own."""
    reasoning_effort: str | None = None
    parallel_tool_calls: bool | None = None
    temperature: float | None = None
    """Only beta clients can set it (§B.16)."""
    answers: tuple[str, ...] = ()
    """The items of the detected turns that it answers; none: the client asked for the response."""
    own_tools: bool = False
    """Whether it has tools of its own, in place of the session's."""
    follows: int = 0
    """How many responses before it the server began in a row, each after a call (§B.13)."""
    chain_ends: bool = False
    """Whether it may call nothing because those were many, whatever its `tool_choice` was."""

    @property
    def spoken(self) -> bool:
        """Whether the output is audio with a transcript, or text alone."""
        return self.modalities == ["audio"]


def build_spec(
    options: ResponseOptions, config: SessionConfig, conversation: Conversation
) -> ResponseSpec:
    """Merge a `response.create` with the session's settings.

    Raises:
        ProtocolError: A voice, effort or item cannot be used, or a limit is exceeded.
    """
    check_prompt(config.limits, options.instructions, options.tools, "response")
    in_conversation = options.conversation != "none"
    output = options.audio.output if options.audio else None
    voice = output.voice if output and output.voice is not None else config.voice
    if voice != config.voice:
        locked = in_conversation and conversation.has_assistant_audio
        config.check_voice(voice, "response.audio.output.voice", locked=locked)
    check_tool_choice(config.capabilities, options.tool_choice, "response.tool_choice")
    choice = config.tool_choice if options.tool_choice is None else options.tool_choice
    read = None if options.input is None else _resolve(options.input, config, conversation)
    effort = config.reasoning_effort(options.reasoning)
    # Last, as it has the session remember servers, and what is refused changes nothing.
    tools = config.tools if options.tools is None else config.use_tools(options.tools)
    return ResponseSpec(
        id=new_id("resp"),
        modalities=list(options.output_modalities or config.output_modalities),
        voice=voice_name(voice),
        format=_format(output, config),
        speed=config.speed,
        instructions=(
            config.instructions if options.instructions is None else options.instructions
        ),
        tools=tools,
        own_tools=options.tools is not None,
        tool_choice=choice if isinstance(choice, str) else choice.model_dump(),
        max_output_tokens=options.max_output_tokens or config.max_output_tokens,
        reasoning_effort=effort,
        parallel_tool_calls=(
            config.parallel_tool_calls
            if options.parallel_tool_calls is None
            else options.parallel_tool_calls
        ),
        temperature=_temperature(options, config),
        metadata=options.metadata,
        in_conversation=in_conversation,
        input=read,
    )


def _temperature(options: ResponseOptions, config: SessionConfig) -> float | None:
    asked = options.temperature if isinstance(options, BetaResponseOptions) else None
    return config.temperature if asked is None else asked


def _format(output: ResponseAudioOutput | None, config: SessionConfig) -> AudioFormat:
    if output is None or output.format is None or config.media is Media.TRACKS:
        return config.output_format
    return AudioFormat.read(output.format.model_dump())


def _resolve(inputs: list[Any], config: SessionConfig, conversation: Conversation) -> list[Item]:
    items: list[Item] = []
    for index, given in enumerate(inputs):
        path = f"response.input[{index}]"
        if isinstance(given, ItemReference):
            item = conversation.get(given.id)
            if item is None:
                raise ProtocolError(
                    "invalid_value", f"The item with id '{given.id}' does not exist.", f"{path}.id"
                )
            items.append(item)
        else:
            items.append(build_item(given, config.input_format, config.capabilities, path))
    return _with_calls(items, conversation)


def _with_calls(items: list[Item], conversation: Conversation) -> list[Item]:
    """Put before each result its call, if that stands in the conversation alone (§B.7)."""
    known = {item.call_id for item in items if isinstance(item, FunctionCall)}
    complete: list[Item] = []
    for item in items:
        if isinstance(item, FunctionCallOutput) and item.call_id not in known:
            complete.append(conversation.call(item.call_id))
            known.add(item.call_id)
        complete.append(item)
    return complete
