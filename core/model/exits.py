"""Define the exit codes of every command and process: a contract that scripts rely on."""

DONE = 0
FAILED = 1
USAGE = 2
EMAILS_FAILED = 3
BUSY = 4
NO_KEY = 5
STOPPED = 6
INTERRUPTED = 130
