"""Structured sparsity: packing weights, and items of whole products."""
