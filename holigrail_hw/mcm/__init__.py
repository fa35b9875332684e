"""Constant multiplication: adder graphs, exact and heuristic searches, and the operators on top.

Everything below the operators is plain Python and needs no amaranth.
"""
