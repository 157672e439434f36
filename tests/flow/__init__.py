"""Tests of `flow/`."""
