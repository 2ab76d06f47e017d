"""The console in a browser: the door, the server, one console process for each tab, and the page that shows it."""
