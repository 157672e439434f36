"""Tests of `providers/stt/`."""
