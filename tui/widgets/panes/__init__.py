"""Show panes of the monitor and of the task screen; each draws lines from one reactive."""
