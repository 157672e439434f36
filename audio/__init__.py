"""Audio: wire formats, resampling, filters, and the devices that record and play.

Other wings may enter by the modules in `__all__`.
"""

__all__ = [
    "clip",
    "devices",
    "formats",
    "loudness",
    "noise_reduction",
    "pcm",
    "player",
    "time_stretch",
]
