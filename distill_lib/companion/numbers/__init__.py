"""What notebooks import: results, figures, the published numbers."""
