"""What several tests need: a running server, clients that look closely, fakes."""
