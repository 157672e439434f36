"""The HTTP side: who is let in, which sessions are open, and the pages beside them."""
