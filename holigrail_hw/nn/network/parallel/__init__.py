"""Everything unrolled: one adder for every addition of a frame, one frame per clock cycle.

The graph becomes three kinds of operations on single elements (:mod:`.unroll`): constant matrices
times vectors, codes of sums, and maxima. Equal matrices share one search for adders
(:mod:`.matrices`); sums travel as unsigned numbers with known offsets, and their constants go into
the carry inputs of adders that are there anyway (:mod:`.carries`).
"""
