"""Webhooks of providers that take mail: bounces, complaints and deliveries, as events."""
