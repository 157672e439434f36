"""Generates responses: each through a language model and a voice of its own.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["response_pipeline", "runner", "supervision", "whole_characters"]
