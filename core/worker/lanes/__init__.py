"""Ways in which questions travel to a server, behind one protocol."""
