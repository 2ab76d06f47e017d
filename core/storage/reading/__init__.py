"""Read a run file: snapshots, pages of emails, records, search, exports."""
