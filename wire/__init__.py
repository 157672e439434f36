"""The protocol as text: what clients may send, what the server writes, and the two dialects."""
