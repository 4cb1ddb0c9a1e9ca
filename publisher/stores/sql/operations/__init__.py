"""What the operator of a site is told of its service."""
