"""Subscribers: subscriptions, preferences, imports, departures."""
