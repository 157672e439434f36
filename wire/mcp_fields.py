"""The fields of MCP tools and approvals that a client may set (§B.13)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from settings.mcp_settings import LONGEST_DESCRIPTION
from wire.errors import mistyped, unsupported
from wire.strict_models import StrictModel


class ToolFilter(StrictModel, frozen=True):
    """Some tools of a server: those that meet every criterion that is given."""

    read_only: bool | None = None
    """Whether the server says that the tool changes nothing (`readOnlyHint`)."""
    tool_names: list[str] | None = None


class ApprovalFilter(StrictModel, frozen=True):
    """Which tools need approval, and which do not."""

    always: ToolFilter | None = None
    never: ToolFilter | None = None


def _allowed(value: object) -> object:
    if isinstance(value, list):
        return ToolFilter.model_validate({"tool_names": value})
    if not isinstance(value, dict | ToolFilter | None):
        raise mistyped("an array or an object")
    return value


def _approval(value: object) -> object:
    if isinstance(value, str) and value not in ("always", "never"):
        raise unsupported(f"Invalid value: '{value}'. Supported values are: 'always' and 'never'.")
    if not isinstance(value, str | dict | ApprovalFilter | None):
        raise mistyped("a string or an object")
    return ApprovalFilter.model_validate(value) if isinstance(value, dict) else value


def _not_deferred(value: object) -> object:
    if value is True:
        raise unsupported(
            "Tools are loaded at once by this server: 'defer_loading' can only be false."
        )
    return value


def _elsewhere(name: str) -> BeforeValidator:
    def check(value: object) -> object:
        if value is not None:
            raise unsupported(
                f"'{name}' stands for a service of OpenAI's, which this server does not have; "
                "use 'server_url', or the label of a server that the operator has configured."
            )
        return value

    return BeforeValidator(check)


class McpFields(StrictModel):
    """What there is to say of an MCP server, beside `type` and `server_label`."""

    server_url: str | None = None
    authorization: str | None = None
    headers: dict[str, str] | None = None
    server_description: Annotated[str, Field(max_length=LONGEST_DESCRIPTION)] | None = None
    allowed_tools: Annotated[ToolFilter | None, BeforeValidator(_allowed)] = None
    require_approval: Annotated[str | ApprovalFilter | None, BeforeValidator(_approval)] = None
    allowed_callers: list[Literal["direct"]] | None = None
    """Who may call the tools: here always the model, so it changes nothing."""
    defer_loading: Annotated[bool | None, BeforeValidator(_not_deferred)] = None
    connector_id: Annotated[None, _elsewhere("connector_id")] = None
    tunnel_id: Annotated[None, _elsewhere("tunnel_id")] = None

    @model_validator(mode="after")
    def _one_authorization(self) -> Any:
        named = any(name.lower() == "authorization" for name in self.headers or ())
        if named and self.authorization is not None:
            raise unsupported("Give 'authorization' or 'headers.Authorization', not both.")
        return self


Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""A server's label, which may become part of a function's name."""
