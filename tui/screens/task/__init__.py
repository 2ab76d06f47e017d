"""The task of a run: versions, draft, dry run, messages."""
