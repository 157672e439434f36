"""When the user speaks and when a turn is over, decided from audio alone."""
