"""Who is due, what they get, and how it will look."""
