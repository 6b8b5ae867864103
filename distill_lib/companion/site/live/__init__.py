"""Small live figures: the picture that stands without scripts, and what the scripts are given."""
