"""Fail one call to the disk after the other, and look whether anything acknowledged is lost."""
