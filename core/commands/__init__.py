"""Define what a person may ask a run to do, and how it reaches the run."""
