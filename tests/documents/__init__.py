"""Tests of what is written about the server: documents, pictures, requirements."""
