"""Publisher: a folder of Markdown posts in, feeds and email digests out."""
