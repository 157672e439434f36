"""Tests of `answering/`."""
