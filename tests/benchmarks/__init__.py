"""Tests of `benchmarks/`, and the figures that CI can check as ratios."""
