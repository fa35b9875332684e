"""Dot products of numbers of any formats: how their terms are added, and where they are rounded."""
