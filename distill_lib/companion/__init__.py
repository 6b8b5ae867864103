"""Runs notebooks, keeps results, builds the book; no mathematics imports it."""
