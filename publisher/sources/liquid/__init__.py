"""Liquid in bodies: conditions and includes."""
