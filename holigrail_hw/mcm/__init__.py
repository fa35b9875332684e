"""Constant multiplication: adder graphs, exact and heuristic searches, the operator made of them.

Everything but the operator is plain Python without amaranth.
"""
