"""When every beat of a network of units moves, and how deep its queues must be."""
