"""Tests of `providers/assistant/`."""
