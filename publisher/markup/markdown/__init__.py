"""Markdown dialects, rewritten as CommonMark and rendered."""
