"""Executing notebooks: what has to run, where, and until when."""
