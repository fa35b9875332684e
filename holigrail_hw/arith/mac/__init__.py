"""Multiply-accumulate: running sums of products, by where and how often they are rounded."""
