"""Changes of a graph that keep what it computes, one a file."""
