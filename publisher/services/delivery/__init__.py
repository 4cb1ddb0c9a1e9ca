"""Sending a mailing: the worker, its limits, its outcomes."""
