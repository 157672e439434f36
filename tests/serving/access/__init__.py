"""Tests of `serving/access/`."""
