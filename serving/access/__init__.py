"""Who may use the server: keys, client secrets, origins, and what listens where.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["client_secrets", "keys", "signing"]
