"""A matrix as a graph of adders: a whole vector per cycle."""
