"""Tests of `peers/`."""
