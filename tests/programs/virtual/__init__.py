"""Runs in virtual time: real worker, SDK, validation and simulator."""
