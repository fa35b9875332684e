"""Descriptors: what an accelerator is told to do, as 64 bytes each; loads as 16."""
