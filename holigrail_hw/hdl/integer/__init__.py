"""Integer arithmetic in logic: sums of many bits, products, shifts, rounding shifts."""
