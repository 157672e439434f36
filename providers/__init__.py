"""Providers: the recognisers, models and voices that `config.py` can name."""
