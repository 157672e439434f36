"""Processors of one's own: Pipecat `FrameProcessor`s between the stages of the pipelines.

`places.py` says where they may stand, and makes them; `chain.py` watches those of one place, so
that a failure is told by their name. What passes them is made by `hearing` and `answering`.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["chain", "places", "unfit_frames"]
