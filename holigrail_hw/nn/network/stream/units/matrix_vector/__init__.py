"""Sums of products with stored weights: a matrix times vectors, or a window of every channel."""
