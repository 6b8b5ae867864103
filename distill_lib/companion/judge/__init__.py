"""Recorded numbers held against the published ones, a reference run, and a service's limits."""
