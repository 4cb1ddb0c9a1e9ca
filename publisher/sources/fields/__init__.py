"""What fields of front matter mean."""
