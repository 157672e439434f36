"""A server under test (`--testing`): what its sessions do by a script, and what came to them."""
