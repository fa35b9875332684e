"""Functions of one variable: exact values with a proof, approximations, and their operators."""
