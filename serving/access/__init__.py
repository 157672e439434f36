"""Who may use the server: keys, client secrets, origins, and what listens where."""
