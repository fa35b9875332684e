"""Streams as AXI4-Stream."""
