"""The programs that talk to the server: the terminal client, and the checks of a smoke test."""
