"""Providers for the server under test, which finds them by `PYTHONPATH`.

They import `providers` alone, so that servers of other checkouts can use them too.
"""
