"""Safe HTML: made, taken apart, written as text."""
