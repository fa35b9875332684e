"""Fixed-point rescaling of accumulators, as quantised networks define it."""
