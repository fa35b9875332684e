"""Adder graphs: the graph itself, what it costs, how far it may be off, its text forms."""
