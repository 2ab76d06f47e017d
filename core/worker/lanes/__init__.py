"""Send questions to a server in one of several ways, behind one protocol."""
