"""What the recognisers and voices of sherpa-onnx share: which models there are, and their files.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["catalogue", "engines", "layouts", "model_files", "onnx_metadata"]
