"""Subscribers, subscriptions and preferences."""
