"""The messages that subscribers get."""
