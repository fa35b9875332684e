"""Logarithmic numbers: products add logarithms, sums look up what 1 +- 2^-d adds to the larger one.

Inside, a number is its sign, its logarithm as an integer, and whether it is zero or NaN. The tables
hold logarithms rounded down to one place below that of the result, with a sticky bit below: every
result is rounded correctly.

References: Swartzlander and Alexopoulos, "The sign/logarithm number system" (1975); Coleman et al.,
"The European Logarithmic Microprocessor" (2008).
"""
