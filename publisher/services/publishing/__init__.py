"""From files to the log."""
