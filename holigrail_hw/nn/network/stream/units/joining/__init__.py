"""Several streams become one: sums, and channels side by side."""
