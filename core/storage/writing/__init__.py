"""Write a run file inside its one writing connection."""
