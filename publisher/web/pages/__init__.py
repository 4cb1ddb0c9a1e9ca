"""Pages with forms and buttons: sign-up, confirmation, preferences, account."""
