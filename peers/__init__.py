"""The client at the other end of a session: one seam, and a module for every way to reach it."""
