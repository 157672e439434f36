"""The rule-based assistant, which answers where no model is configured; frozen: no more rules.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["reply"]
