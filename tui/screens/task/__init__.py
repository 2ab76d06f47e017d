"""Show the task of a run: versions, draft, dry run, messages."""
