"""Markdown dialects, down to what CommonMark reads."""
