"""Work beside the screen: the reading thread, background jobs, and the state that they hand over."""
