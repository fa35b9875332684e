"""Unrolled networks as DAIS programs."""
