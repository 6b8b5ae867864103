"""Runs the notebooks, gathers their results and builds the book; the mathematics never imports it."""
