"""Feeds as values: entries, documents, pages, redirects."""
