"""Show lists that draw only the rows in view."""
