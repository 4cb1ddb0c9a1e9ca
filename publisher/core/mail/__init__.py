"""A message: MIME, headers, DKIM, VERP, lint."""
