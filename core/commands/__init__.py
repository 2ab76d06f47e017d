"""What a person may ask a run to do, and how it gets to the run."""
