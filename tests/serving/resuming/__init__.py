"""Tests of `serving/resuming.py` and of what keeps conversations in `serving/store/`."""
