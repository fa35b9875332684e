"""The hardware against the golden model, and whether that would notice a fault."""
