"""`[mcp]`: the tool servers that sessions may use, and which of them clients may bring (§B.13)."""

from __future__ import annotations

import re
import shlex
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode

from settings.group import Group, listed
from settings.localisation import _
from settings.mcp_headers import (
    is_authorization,
    is_header_name,
    is_header_value,
    is_of_transport,
    is_scheme_alone,
)
from settings.mcp_hosts import AllowedHost, read_allowed_host, read_place

LABEL = r"[A-Za-z0-9_-]{1,64}"
"""What a label may be: models read it, and it becomes part of tools' names."""
LONGEST_DESCRIPTION = 1024
"""Characters of what is said of a server: as many as a function's description may have (§C.1)."""


def _words(value: Any) -> Any:
    """Read arguments out of a variable as a shell does; a list stays itself."""
    return shlex.split(value) if isinstance(value, str) else value


def _allowed(entries: list[str]) -> list[str]:
    """Refuse entries that name no host."""
    for entry in entries:
        read_allowed_host(entry)
    return entries


class ToolNames(Group):
    """Tools by their names."""

    tool_names: Annotated[list[str], NoDecode, BeforeValidator(listed)] = Field(
        default_factory=list
    )


class ApprovalFilter(Group):
    """Which tools are called only when the client has approved of the call, and which always."""

    always: ToolNames | None = None
    never: ToolNames | None = None


def _approval(value: Any) -> Any:
    """Read a table as one; refuse what is neither that nor one of the words."""
    if isinstance(value, dict):
        return ApprovalFilter.model_validate(value)
    if value in ("always", "never", None) or isinstance(value, ApprovalFilter):
        return value
    raise ValueError(
        _("must be always, never, or a table such as {example}").format(
            example='{never = {tool_names = ["search"]}}'
        )
    )


def _for_programs(value: str | None) -> str | None:
    """Refuse what no program can be given; raises `ValueError`, which quotes nothing."""
    if value is not None and not value.strip():
        raise ValueError(_("it is empty"))
    return _without_nul(value)


def _without_nul(value: str | None) -> str | None:
    if value is not None and "\0" in value:
        raise ValueError(_("it has a character that no program can be given (NUL)"))
    return value


class McpServerConfig(Group):
    """`[mcp.servers.LABEL]`: a server of the operator, by its URL or by a command to run."""

    url: str | None = None
    """Its URL: streamable HTTP, or the older SSE."""
    command: Annotated[str | None, AfterValidator(_for_programs)] = None
    """A program that speaks MCP on its standard input and output; each session has its own."""
    args: Annotated[
        list[Annotated[str, AfterValidator(_without_nul)]], NoDecode, BeforeValidator(_words)
    ] = Field(default_factory=list)
    """Its arguments; in a variable, as a shell reads them."""
    env: dict[str, SecretStr] = Field(default_factory=dict)
    """Its environment, beside PATH, HOME, SHELL, TERM, USER and LOGNAME. It gets no other
    variable of the server's."""
    cwd: Annotated[str | None, AfterValidator(_for_programs)] = None
    """The folder it runs in; None: the server's."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Headers that every request to it carries."""
    authorization: SecretStr | None = None
    """What goes into the header Authorization; `Bearer` is put before a token that stands alone."""
    allowed_tools: Annotated[list[str] | None, NoDecode, BeforeValidator(listed)] = None
    """The tools that sessions see; None: all."""
    require_approval: Annotated[
        Literal["always", "never"] | ApprovalFilter | None, BeforeValidator(_approval)
    ] = None
    """Whether the client has to approve of calls, where its tool says nothing; None: `always`, as
    the protocol has it."""
    description: str | None = Field(None, max_length=LONGEST_DESCRIPTION)
    """What it is for, told to the model where the client's tool says nothing."""

    @property
    def tools_named(self) -> list[str]:
        """Names of tools that stand in these settings, each once."""
        named = [*(self.allowed_tools or ())]
        if isinstance(self.require_approval, ApprovalFilter):
            for some in (self.require_approval.always, self.require_approval.never):
                named += some.tool_names if some is not None else ()
        return [*dict.fromkeys(named)]

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        return None if url is None else read_place(url).url

    @field_validator("env")
    @classmethod
    def _check_env(cls, env: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in env.items():
            if not name or "=" in name:
                raise ValueError(_("a variable has a name that no variable has"))
            _without_nul(name + value.get_secret_value())
        return env

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        """Refuse what no header can be, and quote nothing of it."""
        for name, value in headers.items():
            if not is_header_name(name):
                raise ValueError(_("a header has a name that no header has"))
            if is_of_transport(name):
                raise ValueError(
                    _("the header {name} is set by the transport: leave it out").format(name=name)
                )
            _check_value(value, name)
            if sum(other.lower() == name.lower() for other in headers) > 1:
                raise ValueError(
                    _("the header {name} is given in two spellings: leave out one of them").format(
                        name=name
                    )
                )
        # Secrets out of files end in a line break.
        return {
            name: SecretStr(value.get_secret_value().strip()) for name, value in headers.items()
        }

    @field_validator("authorization")
    @classmethod
    def _check_authorization(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        _check_value(value, "Authorization")
        return SecretStr(value.get_secret_value().strip())

    @model_validator(mode="after")
    def _check_kind(self) -> McpServerConfig:
        """Refuse what is neither a URL nor a command, or both."""
        if (self.url is None) == (self.command is None):
            raise ValueError(_("it needs either a url or a command"))
        if self.url is None and (self.headers or self.authorization is not None):
            raise ValueError(_("headers and authorization are for a url; a command has env"))
        if self.command is None and (self.args or self.env or self.cwd is not None):
            raise ValueError(_("args, env and cwd are for a command; a url has headers"))
        if self.authorization is not None and any(map(is_authorization, self.headers)):
            raise ValueError(_("give authorization or the header Authorization, not both"))
        return self


def _check_value(value: SecretStr, name: str) -> None:
    """Refuse a value that no header has; raises `ValueError`, which does not quote it."""
    plain = value.get_secret_value().strip()
    if not plain or (is_authorization(name) and is_scheme_alone(plain)):
        raise ValueError(_("the header {name} is empty").format(name=name))
    if not is_header_value(plain):
        raise ValueError(
            _(
                "the header {name} has characters that no header has, such as a line break within "
                "it, or is too long: copy it anew"
            ).format(name=name)
        )


class McpConfig(Group):
    """MCP servers, which need `requirements/mcp.txt`."""

    allowed_hosts: Annotated[list[str], NoDecode, AfterValidator(_allowed)] = Field(
        default_factory=list
    )
    """Hosts whose servers clients may name by URL: `mcp.example.com`, `*.example.com`, with a port
    if it is not the usual one; `http://` before it if it has no TLS. None: no client may."""
    connect_timeout_s: float = Field(20, gt=0, le=600)
    """Seconds within which a server has to be connected and to have introduced itself."""
    call_timeout_s: float = Field(30, gt=0, le=3600)
    """Seconds that a call of a tool, or the list of tools, may take."""
    max_result_kib: int = Field(64, ge=1, le=1024)
    """KiB of text that a tool may answer, all of which the model reads; more fails the call."""
    max_tools: int = Field(128, ge=1, le=4096)
    """Tools that one server may have."""
    max_processes: int = Field(16, ge=1, le=1024)
    """Processes that run at once for servers with a command; each session has its own."""
    servers: dict[str, McpServerConfig] = Field(default_factory=dict)
    """The operator's own servers, which clients name by their label alone."""

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return listed(value)

    @field_validator("servers")
    @classmethod
    def _check_labels(cls, servers: dict[str, McpServerConfig]) -> dict[str, McpServerConfig]:
        """Refuse labels that no client can name."""
        for label in servers:
            if not re.fullmatch(LABEL, label):
                raise ValueError(
                    _(
                        "{label} is no label; it must be 1 to 64 letters, digits, hyphens and "
                        "underscores of ASCII, such as docs"
                    ).format(label=repr(label))
                )
        return servers

    @property
    def used(self) -> bool:
        """Whether any MCP server can be reached at all."""
        return bool(self.servers or self.allowed_hosts)

    @property
    def hosts(self) -> tuple[AllowedHost, ...]:
        """The entries of `allowed_hosts`, read."""
        return tuple(map(read_allowed_host, self.allowed_hosts))
