"""Codes for sparse items, as functions and as the hardware behind the codec operators."""
