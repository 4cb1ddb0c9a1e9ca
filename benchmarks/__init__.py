"""Measurements, compared with a peer or the limit in the same run; printed as tables."""
