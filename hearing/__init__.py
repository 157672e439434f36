"""From audio to words: one turn at a time to the recogniser, and its reports back.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["listening", "recogniser_pipeline", "turn_recognition"]
