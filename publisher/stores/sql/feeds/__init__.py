"""What feeds show, and what is written of them."""
