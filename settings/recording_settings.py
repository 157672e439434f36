"""`[recording]`: whether sessions are written to files, for finding faults and for tests."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from settings.folders import Folder
from settings.group import Group
from settings.localisation import _


class RecordingConfig(Group):
    """What is kept of sessions: every event both ways, the audio, and what each stage took.

    Keys never are. Each session is a file of its own, which its owner alone can read.
    """

    dir: Folder = None
    """Folder of the recordings, which is made if there is none. None, or an empty variable: nothing
    is recorded."""
    redact: bool = False
    """Leave out what is said: of texts only the length is written, and audio is not."""
    audio: Literal["flac", "wav"] = "flac"
    """How audio is written: `wav` takes twice the disk and a fifth of the CPU."""
    max_mib: float = Field(256, ge=1)
    """MiB of one session, its audio included; what comes then is not recorded."""
    keep_days: float = Field(14, gt=0)
    """Days after which recordings are deleted."""
    keep_mib: float = Field(4096, ge=1)
    """MiB of all recordings in the folder: the oldest are deleted, and while those of open sessions
    alone take as much, no other session is recorded."""

    @field_validator("redact")
    @classmethod
    def _check_redact(cls, redact: bool, info: ValidationInfo) -> bool:
        """Refuse it alone: whoever sets it believes that something is recorded."""
        if redact and info.data.get("dir", redact) is None:
            raise ValueError(
                _("it does nothing without recording.dir, the folder of the recordings: set both")
            )
        return redact
