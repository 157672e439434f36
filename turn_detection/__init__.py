"""Turn detection: when the user speaks and when a turn is over, decided from audio alone.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["observed_detector", "smart_turn", "turn_models"]
