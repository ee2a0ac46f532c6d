"""Data of the lessons: made on the fly, from a seed, without a download."""
