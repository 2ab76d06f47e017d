"""Lists that draw only the rows in view."""
