"""The style ``engine``: layers as commands of a matrix engine, the rest on the host."""
