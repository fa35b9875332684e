"""Pictures and tables of adder graphs."""
