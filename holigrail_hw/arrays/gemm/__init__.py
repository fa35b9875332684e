"""Matrix products of any size on an array, with buffers, accumulation and requantisation."""
