"""What a tool has answered, as text: a voice model reads nothing else.

Text blocks and embedded texts stand as they are. Of pictures, sounds and files only their kind and
size are told, so that the model can say that there was something. Structured content counts where
there is no text: servers are to send it as text, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)


def as_text(result: CallToolResult) -> str:
    """Return a result as the text that the model reads."""
    has_text = any(isinstance(block, TextContent | EmbeddedResource) for block in result.content)
    parts = [*_told(result)]
    if result.structured_content is not None and not has_text:
        parts.append(json.dumps(result.structured_content, ensure_ascii=False))
    return "\n".join(parts)


def _told(result: CallToolResult) -> Iterator[str]:
    for block in result.content:
        yield _block(block)


def _block(block: ContentBlock) -> str:
    match block:
        case TextContent():
            return block.text
        case ImageContent():
            return _untold("image", block.mime_type, block.data)
        case AudioContent():
            return _untold("audio", block.mime_type, block.data)
        case EmbeddedResource(resource=TextResourceContents() as text):
            return text.text
        case EmbeddedResource(resource=BlobResourceContents() as blob):
            return _untold(f"file {blob.uri}", blob.mime_type or "unknown kind", blob.blob)
        case ResourceLink():
            about = f": {block.description}" if block.description else ""
            return f"[link to {block.title or block.name}, {block.uri}{about}]"
    raise AssertionError(f"mcp has a kind of content that is not known here: {type(block)}")


def _untold(what: str, mime_type: str, data: str) -> str:
    """Return what stands for data in base64."""
    return f"[{what}, {mime_type}, {len(data) * 3 // 4} bytes, not shown]"
