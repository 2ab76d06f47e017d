"""Serve the console in a browser: access control, server, one console process for each tab, and its page."""
