"""The operator ``layer-normalization``: its table of roots, its hardware."""
