"""Tests of `telemetry/`."""
