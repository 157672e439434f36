"""Tests of `session/`."""
