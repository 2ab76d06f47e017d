"""Places: other processes and machines that make a worker's calls and judge the answers."""
