"""Who may use the server: keys, client secrets, origins, and what listens where.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["browsers", "client_secrets", "exposure", "keys", "signing"]
