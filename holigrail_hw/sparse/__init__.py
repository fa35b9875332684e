"""Sparse data: codecs that store fewer zeros, and hardware that skips them."""
