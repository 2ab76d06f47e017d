"""Whether anything grows over hours."""
