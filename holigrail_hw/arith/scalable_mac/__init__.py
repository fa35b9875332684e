"""Multiply-accumulate units whose precision changes while they run."""
