"""Documents under public/, served."""
