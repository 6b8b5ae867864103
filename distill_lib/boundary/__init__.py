"""What comes in and goes out: arrays, checks with one clear sentence, files."""
