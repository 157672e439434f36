"""MCP servers: how they are reached, what they may be sent, and what of their answers is taken.

Other wings may enter by the modules in `__all__`. `mcp` is imported only where servers are
configured.
"""

__all__ = ["runner", "servers", "trials"]
