"""The admin pages, on a listener of their own."""
