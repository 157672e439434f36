"""Tests that documents, screenshots, requirements and the layout match the code."""
