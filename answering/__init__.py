"""From words to audio: one response at a time through the model and the voice.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["response_pipeline", "runner", "supervision"]
