"""Distilled sets, their files, and sets released by others."""
