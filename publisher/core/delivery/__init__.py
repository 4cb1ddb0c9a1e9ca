"""Delivery: mailings, outcomes, throttling, replies of servers."""
