"""Matrix products whose order of additions and roundings is part of the definition.

With C = A B, every element is computed alone, from c = +0, over k = 0 .. K-1 in this order::

    fused      c = round(c + a*b)
    cascade    c = round(c + round_product(a*b))

With ``chunk`` L the products of L steps form an inner sum, in the same way from +0, and
c = round(c + inner) chunk by chunk. A sum that the accumulator does not hold is what its
format makes of it, infinite for example, and stays so, though an exact sum might come back into
range; integers that wrap do come back.

MPTorch (mptorch/mptorch, version 0.3.0) computes sequentially on a CPU and in chunks of 8 on a GPU,
on float32 numbers: every product, sum or fused step is first rounded to float32. ``via_float32``
does that too.

When are the two the same, to nearest even? Let p be the accumulator's bits, q those of the number
added, and 2^E the leading power of a sum x + y, |x| >= |y|. Float32 drops bits only if the last
place of y is at most 2^(E-24), so |y| <= (2^bits - 1) * 2^(E-24) with the bits of y. A second
rounding can err only if the first one lands on a tie of p bits, which is 2^(E-p) away from x if x
has at most p bits. That needs bits >= 24 - p, and for bits = 24 - p = p an odd x as well. So sums
agree for q <= p <= 11, and for q <= 11, p = 12 (the accumulator is then the only 12-bit number,
and a y of 12 bits finds an even x); for q = p = 12 they do not: 1 + 2^-11 and (2^12 - 1) * 2^-24.
Rounded products agree if the exact ones fit in 24 bits. Compare Figueroa, "When is double rounding
innocuous?", 1995. :func:`equals_via_float32` says which combinations are covered.
"""

from typing import Any

import numpy as np

from holigrail_hw.formats import Exact, FloatFormat, Format, Rounding, parse
from holigrail_hw.formats.exact import FINITE
from holigrail_hw.formats.integers import bit_length

from .accumulation import accumulate

__all__ = ["equals_via_float32", "gemm", "jump_to_normal", "via_float32"]

_BLOCK = 1 << 19
_FLOAT32 = parse("fp32")


def gemm(
    a: Exact,
    b: Exact,
    accumulator: Format | str,
    *,
    product: Format | str | None = None,
    chunk: int | None = None,
    rounding: str = Rounding.NEAREST_EVEN,
    overflow: str | None = None,
    mode: str = "exact",
    initial: Any = None,
) -> np.ndarray:
    """Codes of A B in the format ``accumulator``; uint64, M x N.

    Parameters
    ----------
    a, b : Exact
        M x K and K x N numbers.
    accumulator : Format or str
    product : Format, str or None
        The format to which products are rounded (cascade); None for fused steps.
    chunk : int or None
        Length of inner sums; None for one sum over all K.
    overflow : str or None
        Of a fixed-point accumulator: ``saturate`` or ``wrap``.
    mode : str
        What each product, sum or fused step passes before it is rounded: ``exact`` nothing,
        ``float32`` rounding to nearest float32, ``mptorch`` that and MPTorch's treatment of what
        a format without subnormals cannot hold (:func:`jump_to_normal`).
    initial : codes of the accumulator or None
        What sums begin with, one for each column; +0 if left out.

    Raises
    ------
    ValueError
        If the inner sizes differ, or a format or an option is unknown.

    >>> int8 = parse("int8")
    >>> gemm(int8.unpack([[1, 2]]), int8.unpack([[3], [4]]), parse("int16")).tolist()
    [[11]]
    """
    (rows, depth), (other, columns) = a.shape, b.shape
    if depth != other:
        raise ValueError(f"a has {depth} columns, so b must have {depth} rows, not {other}")
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk must be at least 1, not {chunk}")
    if mode not in ("exact", "float32", "mptorch"):
        raise ValueError(f"mode must be exact, float32 or mptorch, not {mode!r}")
    accumulator, rounding = parse(accumulator), Rounding(rounding)
    product = None if product is None else parse(product)
    if (
        accumulator.codes_are_integers
        and (overflow, mode, product) == ("wrap", "exact", None)
        and accumulator.width <= 64
        and _are_whole(a, b, accumulator)
    ):
        return _modular(a, b, accumulator, 0 if initial is None else initial)
    result = np.zeros((rows, columns), np.uint64 if accumulator.width <= 64 else object)
    if initial is None:
        initial = int(accumulator.encode(0))
    step = max(1, _BLOCK // max(1, depth * columns))
    options: dict[str, Any] = {"rounding": rounding, "overflow": overflow}
    options["prepare"] = {"exact": None, "float32": via_float32, "mptorch": _mptorch}[mode]
    for start in range(0, rows, step):
        block = a[start : start + step]
        x = block.reshape(*block.shape, 1)._each(lambda v: np.swapaxes(v, 0, 1))
        y = b.reshape(depth, 1, columns)
        result[start : start + step] = _sum(x, y, accumulator, product, chunk, initial, options)
    return result


def via_float32(exact: Exact, _format: Format) -> Exact:
    """Numbers rounded to the nearest float32, ties to even."""
    return _FLOAT32.unpack(_FLOAT32.project(exact))


def jump_to_normal(exact: Exact, format: Format) -> Exact:
    """MPTorch's rule below the smallest normal number 2^e of a float that has no subnormals.

    Let r be x rounded to the format's significand as if exponents were unbounded. If r lies in
    [2^(e-1), 2^e) and the fraction of x itself exceeds 1/2, x becomes the smallest normal number.
    So from 3/4 * 2^e on numbers go up; and, a slip of the rule, so do those just below 2^(e-1)
    whose rounding carries into that binade. Everything else below 2^e becomes 0.
    """
    if not isinstance(format, FloatFormat) or not format.flushes:
        return exact
    bits = bit_length(exact.significand)
    leading = exact.exponent + bits - 1
    # Twice the significand against three halves of its leading power of two.
    above_half = exact.significand * 2 > (np.asarray(3, exact.significand.dtype) << (bits - 1))
    drop = np.maximum(bits - format.significand_width, 0)
    half = np.where(drop > 0, 1 << np.maximum(drop - 1, 0), 0).astype(exact.significand.dtype)
    # Ties do not matter: a carry to the next power of two from a tie is one to an even number.
    carries = bit_length((exact.significand + half) >> drop) > bits - drop
    e = format.minimum_exponent
    jumps = (
        (exact.category == FINITE)
        & (exact.significand != 0)
        & above_half
        & (leading + carries.astype(np.int64) == e - 1)
    )
    return Exact(
        exact.sign,
        np.where(jumps, 1, exact.significand),
        np.where(jumps, e, exact.exponent),
        exact.category,
    )


def equals_via_float32(
    a: FloatFormat,
    b: FloatFormat,
    accumulator: FloatFormat,
    product: FloatFormat | None = None,
    *,
    chunked: bool = False,
) -> bool:
    """Whether rounding to float32 first provably changes no finite sum of :func:`gemm`.

    Sufficient, not necessary; to nearest even. Products (exact ones if fused, rounded ones in a
    cascade, where the exact ones must fit in 24 bits) have at most as many bits as the accumulator
    and at most 11; the accumulator has at most 12. All are normal float32 numbers or zero.
    Inner sums of chunks have the accumulator's bits, so with chunks it may have at most 11.
    """
    p = accumulator.significand_width
    exact_bits = a.significand_width + b.significand_width
    product_bits = exact_bits if product is None else product.significand_width
    lowest = sum(format.minimum_exponent - format.fraction_width for format in (a, b))
    highest = a.maximum_exponent + b.maximum_exponent + 2
    for format in (accumulator, *([product] if product is not None else [])):
        lowest = min(lowest, format.minimum_exponent - format.fraction_width)
        highest = max(highest, format.maximum_exponent + 1)
    return (
        p <= (11 if chunked else 12)
        and product_bits <= min(p, 11)
        and exact_bits <= 24
        and lowest >= _FLOAT32.minimum_exponent
        and highest < _FLOAT32.maximum_exponent
    )


def _mptorch(exact: Exact, format: Format) -> Exact:
    return jump_to_normal(via_float32(exact, format), format)


def _sum(
    x: Exact,
    y: Exact,
    accumulator: Format,
    product: Format | None,
    chunk: int | None,
    initial: Any,
    options: dict[str, Any],
) -> np.ndarray:
    """Sum over axis 0 of x * y."""
    depth = len(x)
    zero = int(accumulator.encode(0))
    if not depth:
        shape = np.broadcast_shapes(x.shape[1:], y.shape[1:])
        return np.full(shape, initial, np.uint64 if accumulator.width <= 64 else object)
    if chunk is None:
        return accumulate(x, y, accumulator, product=product, initial=initial, **options)[-1]
    inner = [
        accumulate(
            x[start : start + chunk],
            y[start : start + chunk],
            accumulator,
            product=product,
            initial=zero,
            **options,
        )[-1]
        for start in range(0, depth, chunk)
    ]
    one = parse("uint1").unpack(1)
    return accumulate(
        accumulator.unpack(np.stack(inner)), one, accumulator, initial=initial, **options
    )[-1]


def _are_whole(a: Exact, b: Exact, accumulator: Format) -> bool:
    """Whether all numbers are finite and every product is a multiple of the accumulator's unit."""
    if not all(bool(np.all(m.is_finite)) and m.significand.dtype != object for m in (a, b)):
        return False
    lowest = [int(m.exponent.min(initial=0)) for m in (a, b)]
    same = [bool(np.all(m.exponent == low)) for m, low in zip((a, b), lowest, strict=True)]
    return all(same) and sum(lowest) >= -accumulator.fraction_width


def _modular(a: Exact, b: Exact, accumulator: Format, initial: Any) -> np.ndarray:
    """The product of integers modulo 2^width: 64-bit arithmetic wraps, which changes nothing."""
    left, right = (
        np.where(m.sign, -m.significand, m.significand).astype(np.uint64) for m in (a, b)
    )
    exponent = sum(int(m.exponent.min(initial=0)) for m in (a, b))
    total = (left @ right) << np.uint64(min(exponent + accumulator.fraction_width, 63))
    if exponent + accumulator.fraction_width > 63:
        total = np.zeros_like(total)
    return (total + np.asarray(initial, np.uint64)) & np.uint64((1 << accumulator.width) - 1)
