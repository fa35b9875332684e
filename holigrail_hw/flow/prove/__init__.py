"""Proofs that a design equals its golden model."""
