"""Systolic arrays: output-, weight- and input-stationary."""
