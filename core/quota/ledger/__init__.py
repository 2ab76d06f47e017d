"""Keep the arithmetic of quota windows: buckets, accounts, and what replies say about limits."""
