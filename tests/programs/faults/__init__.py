"""The matrix of faults, and the page made of it."""
