"""The theorems as functions on arrays: no data, no descent, no files."""
