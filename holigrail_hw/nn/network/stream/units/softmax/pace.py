"""Cycles of the steps that a share is made in."""

__all__ = ["PRELUDE", "PRODUCT", "PRODUCTS", "SHIFTS"]

# Cycles of a product: to load it, one for each bit, to round it, and to use it.
PRODUCT = 35
PRODUCTS = 7
# The sum is shifted until its highest bit is in place, one place per cycle.
SHIFTS = 13
# From the start of a share to the first product, where the reciprocal is made for the first one.
PRELUDE = 2 + SHIFTS + PRODUCTS * PRODUCT
