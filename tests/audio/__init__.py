"""Tests of `audio/`."""
