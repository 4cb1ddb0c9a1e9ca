"""Safe HTML: sanitizing it, splitting it into pieces, and writing it as text."""
