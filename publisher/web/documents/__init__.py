"""Documents under public/, served over HTTP."""
