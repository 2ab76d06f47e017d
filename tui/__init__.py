"""The face of labeltui: a console over a run that a worker of its own goes on with."""
