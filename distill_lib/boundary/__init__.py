"""What comes in and goes out: arrays of every kind, checks with one clear sentence, files."""
