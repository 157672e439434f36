"""What README quotes, each figure reproducible by one command."""
