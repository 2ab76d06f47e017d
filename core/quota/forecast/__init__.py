"""Forecast time, tokens and money from limits, plans and prices."""
