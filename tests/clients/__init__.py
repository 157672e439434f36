"""Tests of the programs that talk to the server."""
