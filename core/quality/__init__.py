"""Labels and texts looked at with a critical eye: what a person should check."""
