"""Read and write ``quota.db``, which all workers of this machine share."""
