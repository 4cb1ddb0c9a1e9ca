"""Front matter: where it ends, and the values in it."""
