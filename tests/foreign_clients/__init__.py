"""Other people's clients, as they are published, against this server."""
