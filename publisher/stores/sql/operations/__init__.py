"""What operators are told of a site as a whole."""
