"""Pages that act: sign-up, confirmation, preferences, account."""
