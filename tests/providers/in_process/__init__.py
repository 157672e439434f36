"""Tests of `providers/in_process/`."""
