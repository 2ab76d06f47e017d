"""Write labels to files: one module a format behind one registry."""
