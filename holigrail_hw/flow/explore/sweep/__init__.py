"""Sweeps: many designs of one operator, which of them are worth having, and where they are kept."""
