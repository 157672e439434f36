"""The server as a process: how it listens, how it is multiplied, and how it ends."""
