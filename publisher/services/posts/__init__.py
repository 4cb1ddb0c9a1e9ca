"""What readers see of a post."""
