"""Signing up, preferences, accounts, imports."""
