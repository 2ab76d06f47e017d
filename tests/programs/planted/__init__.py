"""Plant faults in a copy of the code, and look whether the tests notice them."""
