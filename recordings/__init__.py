"""Recordings of sessions: what was said when, on a terminal and on a page (`docs/recordings.md`).

The server writes them (`serving/recording/`); these are the programs that read them, and play them
again to a server or to a client. They are the top of the tree, beside the clients.
"""

__all__ = ["command"]
