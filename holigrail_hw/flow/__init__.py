"""From a design to files, simulations, proofs, netlists and boards."""
