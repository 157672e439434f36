"""Tests of `providers/tts/`."""
