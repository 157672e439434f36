"""Tests of `serving/process/`."""
