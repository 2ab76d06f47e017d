"""The console in a browser: access control, server, one console process for each tab, and the page that shows it."""
