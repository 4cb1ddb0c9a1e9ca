"""Mailings, deliveries, outcomes, retention."""
