"""Digests: what goes into one, and who is due."""
