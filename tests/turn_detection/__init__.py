"""Tests of `turn_detection/`."""
