"""What stands in for a server in the tests of the clients."""
