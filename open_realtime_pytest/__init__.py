"""A pytest plugin for tests of Realtime clients: the fixture `realtime_server` (`docs/testing.md`).

A package of its own, as pytest imports it in every run where the server is installed: the one of
the server puts its modules, `config` and `main` among them, where Python looks first, and those of
whoever is testing would not be found. Here, nothing of the server is imported; it runs in a child
process, and its own modules, settings, log and signals are there.
"""
