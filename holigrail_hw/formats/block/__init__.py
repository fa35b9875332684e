"""Blocks: several numbers in one code, which may share a scale."""
