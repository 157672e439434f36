"""Tests of `providers/sherpa/`."""
