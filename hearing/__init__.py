"""From a user's audio to transcripts: turns go to the recogniser, its reports come back.

Other wings may enter by the modules in `__all__`.
"""

__all__ = [
    "cleaned_audio",
    "listening",
    "recogniser_pipeline",
    "session_recogniser",
    "turn_recognition",
    "word_errors",
]
