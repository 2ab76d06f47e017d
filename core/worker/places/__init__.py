"""Make a worker's calls at places (other processes and machines) that also judge the answers."""
