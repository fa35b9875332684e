"""Energies as data: of memories, of what changes in logic, and a published table to scale to."""
