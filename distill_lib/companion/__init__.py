"""Runs the notebooks, gathers their results, builds the book; no mathematics imports it."""
