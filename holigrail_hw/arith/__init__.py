"""Arithmetic operators: add, multiply, fused multiply-add, convert, compare, accumulate."""
