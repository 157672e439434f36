"""The console: a page in the browser to talk to the server, and what it asks the server for."""
