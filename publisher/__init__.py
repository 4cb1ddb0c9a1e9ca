"""Publisher: a folder of Markdown posts in, feeds and email digests out."""

__version__ = "0.1.0"
