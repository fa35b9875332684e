"""Searches for truncated adder graphs under an error bound."""
