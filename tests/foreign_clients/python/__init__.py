"""Programs that drive other people's Python clients, each run by a test of its own."""
