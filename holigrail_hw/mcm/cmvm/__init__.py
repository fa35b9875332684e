"""A constant matrix times a vector."""
