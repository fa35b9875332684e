"""Functions of one element: thresholds, a product and a shift, a table."""
