"""Emails in and labels out.

``sources`` opens any format that emails come in, ``message`` makes of a message what is kept and sent of it,
``exports`` writes labels. Each has a registry with one module a format. ``demo`` invents emails to try it all on.
"""
