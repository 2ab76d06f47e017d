"""One screen a module; each is handed the newest picture and shows it."""
