"""Designs that run: compiled, as gates, in simulators, and the links to them."""
