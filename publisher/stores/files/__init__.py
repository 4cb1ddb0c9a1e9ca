"""State in files: journal, keys, locks, public/."""
