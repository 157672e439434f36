"""What engines in this process share: their threads, and the download of their files.

Other wings may enter by the modules in `__all__`.
"""

__all__ = [
    "child_process",
    "downloads",
    "engine_pool",
    "engine_work",
    "hub",
    "model_places",
    "onnx_graph",
    "onnx_outputs",
    "packaged",
    "soundness",
    "stoppable_session",
    "stopping",
]
