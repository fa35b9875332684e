"""Trained networks in hardware."""
