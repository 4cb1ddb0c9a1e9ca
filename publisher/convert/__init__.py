"""Turns the export of another publishing platform into a folder of Markdown posts."""
