"""What OpenAI's SDK reads of the environment: an organisation, a project and headers.

They are OpenAI's to know. The SDK sends them to whatever server its client is for.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openai import AsyncOpenAI

CUSTOM_HEADERS = "OPENAI_CUSTOM_HEADERS"
"""The variable of which the SDK takes headers, one a line."""


def forget_vendor(
    client: AsyncOpenAI, organization: str | None = None, project: str | None = None
) -> None:
    """Take back what the SDK read of OpenAI's own variables: it is no other server's concern.

    The key is not among it: that of the variable is read only where none is given. A copy of the
    client (`with_options`) would read them again: options of one request go by its `options`.

    Args:
        client: As it was built.
        organization: What it was given by name; None: nothing.
        project: The same.
    """
    client.organization, client.project = organization, project
    lines = os.environ.get(CUSTOM_HEADERS, "").split("\n")
    read = {
        name.strip(): value.strip() for name, _colon, value in (x.partition(":") for x in lines)
    }
    given = client._custom_headers
    client._custom_headers = {name: given[name] for name in given if given[name] != read.get(name)}
