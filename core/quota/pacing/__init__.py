"""Decide who may ask now: scheduler, estimates, concurrency, outages, and the broker that ties them together."""
