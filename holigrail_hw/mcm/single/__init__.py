"""Searches for adder graphs of one input."""
