"""Model files, written."""
