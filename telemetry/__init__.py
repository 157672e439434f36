"""What an operator sees of the server: log lines, counts, traces, and how late its loop runs."""
