"""Servers that mean harm, and what a call and a worker make of them."""
