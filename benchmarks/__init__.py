"""Benchmarks: each figure that README quotes is reproducible by one command."""
