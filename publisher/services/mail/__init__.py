"""The messages that are made for a reader."""
