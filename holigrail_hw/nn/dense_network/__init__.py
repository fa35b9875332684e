"""A whole quantised dense network in hardware, one layer after the other."""
