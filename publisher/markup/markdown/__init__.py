"""Markdown and its dialects, rewritten as what CommonMark reads, and rendered."""
