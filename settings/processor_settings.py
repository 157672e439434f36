"""The settings of processors of one's own: which Pipecat classes stand between the stages."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from settings.group import Group, listed
from settings.localisation import _

_CLASS = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def _named(names: list[str]) -> list[str]:
    """Refuse what cannot name a class."""
    for name in names:
        if not _CLASS.fullmatch(name):
            raise ValueError(
                _(
                    "{name} names no class; write package.module:Class, as "
                    "examples.profanity_filter:ProfanityFilter does"
                ).format(name=repr(name))
            )
    return names


Classes = Annotated[list[str], NoDecode, BeforeValidator(listed), AfterValidator(_named)]
"""Classes as `package.module:Class`, in the order in which frames pass them; in a variable,
separated by commas."""


class ProcessorConfig(Group):
    """Pipecat processors of one's own at four places of the pipelines."""

    before_recogniser: Classes = Field(default_factory=list)
    """Between the client's audio and the recogniser."""
    before_model: Classes = Field(default_factory=list)
    """Between the recogniser and the model: they get transcripts, and what the model is to read."""
    before_voice: Classes = Field(default_factory=list)
    """Between the model and the voice: they get the answer's text, clause by clause."""
    before_client: Classes = Field(default_factory=list)
    """Between the answer and the client: they get the text and the audio that it is sent."""
    timeout_s: float = Field(15, gt=0)
    """Seconds that one of them may be at a frame, or hold back what the next stage waits for."""

    def over(self, server: ProcessorConfig) -> ProcessorConfig:
        """Return what is said here, and of what is not, what the server's own table says."""
        said = {name: getattr(self, name) for name in self.model_fields_set}
        also = {name: getattr(server, name) for name in server.model_fields_set}
        return ProcessorConfig(**{**also, **said})
