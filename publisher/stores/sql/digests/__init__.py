"""Who is due, and mailings as they are made."""
