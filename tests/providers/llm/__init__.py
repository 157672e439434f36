"""Tests of `providers/llm/`."""
