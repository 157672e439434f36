"""Queues and bounds between a client, its session and its pipelines."""
