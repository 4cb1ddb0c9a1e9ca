"""Feeds: which posts they show, and the documents written of them."""
