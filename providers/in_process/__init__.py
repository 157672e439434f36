"""What engines in this process share: their threads, and the download of their files."""
