"""Documents under public/: feeds, pages, redirects, server snippets."""
