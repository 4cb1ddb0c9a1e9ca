"""The documents under public/: feeds, pages, redirects; and configuration for web servers."""
