"""How many products an accumulator adds up as an exact sum would, and what happens beyond.

An exact sum may leave the range on its way and come back. Integers that wrap are right again when
it has come back, modulo 2^width; an accumulator that saturates, or becomes infinite or NaN, is not.
"""

from holigrail_hw.formats import Format

__all__ = ["exact_products", "sum_limit"]


def exact_products(accumulator: Format, low: int, high: int) -> int | None:
    """The most products, each from ``low`` to ``high`` in its units, of any such sum that it holds.

    None if there is no limit.
    """
    least, greatest = accumulator.integer_range
    ends = [(greatest, high)] * (high > 0) + [(least, low)] * (low < 0)
    return min((limit // end for limit, end in ends), default=None)


def sum_limit(
    accumulator: Format,
    products: tuple[int, int, int] | None = None,
    *,
    longest: int | None = None,
    overflow: str = "wrap",
) -> str:
    """One line for people: how long sums may be, and what becomes of those beyond.

    Parameters
    ----------
    accumulator : Format
    products : three integers
        The least and the greatest product and their fraction width; of a fixed-like accumulator.
    longest : int or None
        The most products that are ever added, None if there is no limit.
    overflow : str
        ``wrap`` or ``saturate``; of a fixed-point accumulator.

    >>> from holigrail_hw.formats import parse
    >>> sum_limit(parse("int17"), (-16256, 16384, 0))
    'any 3 products fit into int17; longer sums may wrap modulo 2^17'
    """
    if not accumulator.is_fixed_like:
        return _rounded_limit(accumulator)
    assert products is not None
    low, high, fraction = products
    shift = -accumulator.least_place - fraction
    most = exact_products(accumulator, low << shift, high << shift)
    if most is None or (longest is not None and most >= longest):
        return f"exact, any {longest} products fit into {accumulator}" if longest else "exact"
    what = (
        f"wrap modulo 2^{accumulator.width}"
        if accumulator.overflow_of(overflow) == "wrap"
        else "stop at the smallest or the largest number and go on from there"
    )
    if not most:
        return f"even a product may {what}"
    each = "any product fits" if most == 1 else f"any {most} products fit"
    return f"{each} into {accumulator}; longer sums may {what}"


def _rounded_limit(accumulator: Format) -> str:
    code = int(accumulator.encode(accumulator.number_range[1]))
    largest = accumulator.format_code(code).split("(")[1].rstrip(")")
    if accumulator.saturates:
        what = f"stops at {largest} and goes on from there"
    elif accumulator.has_infinity:
        what = f"becomes infinite beyond {largest}, NaN if infinities of both signs meet"
    else:
        what = f"becomes NaN beyond {largest}"
    return f"rounded on the way; a sum {what}, though the exact sum may come back"
