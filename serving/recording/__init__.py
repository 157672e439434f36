"""Recordings of sessions: every event both ways, the audio, and what each stage took.

A session only notes what passes (`recorder`); one thread of the process writes it (`session_file`),
so that no session ever waits for a disk. `docs/recordings.md` describes the files.
"""

__all__ = ["rows"]
