"""Memories with habits of their own."""
