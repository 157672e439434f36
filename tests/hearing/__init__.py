"""Tests of `hearing/`."""
