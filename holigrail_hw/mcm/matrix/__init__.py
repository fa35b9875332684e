"""Adder graphs of several inputs: products with a constant matrix."""
