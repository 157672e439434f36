"""Where settings come from, beside config.py, which says what they are."""
