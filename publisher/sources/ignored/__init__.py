"""Files that a generator never builds."""
