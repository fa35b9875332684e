"""FINN's own estimate of look-up tables, and the matrices of TFC 2W2A, for the benchmarks."""

__all__ = ["TFC", "finn_luts"]

# Rows and columns of the matrices of TFC 2W2A, and bits of their activations.
TFC = ((784, 64, 1), (64, 64, 2), (64, 64, 2), (64, 10, 2))


def finn_luts(foldings: list[tuple[int, int]]) -> int:
    """FINN's formula for TFC in HLS units with weights and thresholds in LUTs.

    Its source is finn, custom_op/fpgadataflow/matrixvectoractivation.py; a folding is PE and SIMD
    of a matrix; weights and results have 2 bits.
    """
    total = 0.0
    for (rows, columns, activation), (pe, simd) in zip(TFC, foldings, strict=True):
        weight = output = 2
        both, sums = weight + activation, weight + activation + (rows - 1).bit_length()
        depth = rows * columns // (pe * simd)
        per = simd * (2 * -(-both // 6) - 1) * both + both * (2 * simd - 1) + sums
        per += (2**output - 1) * sums * (-(-(columns // pe) // 64) + 1)
        total += 300 + 1.1 * pe * per + pe * simd * weight * -(-depth // 64)
    return round(total)
