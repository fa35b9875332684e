"""A matrix as a graph of adders for one bit of every input: a vector in as many cycles as bits."""
