"""Operators in standard cells: area, critical path, and energy from simulated toggles."""
