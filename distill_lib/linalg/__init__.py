"""Linear algebra that the theorems rest on."""
