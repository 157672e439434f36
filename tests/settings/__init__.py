"""How settings are read."""
