"""Rows and columns of the entries of a compressed sparse matrix."""
