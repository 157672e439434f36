"""The pure core: what a session is and does, without awaiting, sending or reading a clock."""
