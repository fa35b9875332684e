"""A multiplier as the table of all its products, and what is known of it.

Sums of its products are exact, where the products are multiples of one step with at most 31 bits,
or rounded step by step in a format, as an accumulator behind the multiplier would compute them.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from holigrail_hw.formats import Format, FormatError, parse

from ..gemm import Gemm
from ..tables import TableProduct
from .float_sums import float_sums
from .rank import rational_rank

__all__ = ["Errors", "Multiplier"]

_MOST_BITS = 8
_MOST_PRODUCTS = 1 << 22
# What a factor 1 is, so that a sum of given products is a product of matrices.
_ONE = parse("uint1")


@dataclass(frozen=True)
class Errors:
    """Of all pairs of finite factors, each as likely as the others, against a * b.

    Attributes
    ----------
    mred : float
        Mean relative error distance, |p - ab| / |ab| where ab is not 0.
    wce : float
        Worst-case error, the largest |p - ab|.
    bias : float
        Mean of p - ab.
    med : float
        Mean error distance, |p - ab|.
    rate : float
        Part of all pairs whose product is not ab.
    """

    mred: float
    wce: float
    bias: float
    med: float
    rate: float


@dataclass(frozen=True, eq=False)
class Multiplier:
    """Products of codes of two formats of at most 8 bits.

    >>> from holigrail_hw.kernels.multipliers import drum
    >>> multiplier = Multiplier.from_function(drum(3))
    >>> multiplier.rank(), round(multiplier.errors().mred, 3)
    (1, 0.121)
    >>> multiplier.sums([[200, 3]], [[100], [7]]).tolist()
    [[25109.0]]

    Attributes
    ----------
    a, b : Format
        Of the factors.
    products : array
        float64, by the code of a, then of b; NaN where the multiplier gives NaN.
    name : str
        For people.
    """

    a: Format
    b: Format
    products: np.ndarray = field(repr=False)
    name: str = "multiplier"

    def __post_init__(self) -> None:
        for which in ("a", "b"):
            format = parse(getattr(self, which))
            object.__setattr__(self, which, format)
            if format.width > _MOST_BITS or format.block_size is not None:
                raise FormatError(
                    f"multiplier: {which} must be a format of at most {_MOST_BITS} bits,"
                    f" not {format}"
                )
        products = np.asarray(self.products)
        wanted = (1 << self.a.width, 1 << self.b.width)
        if products.shape != wanted or products.dtype.kind not in "iuf":
            raise ValueError(
                f"multiplier: products must be {wanted[0]} x {wanted[1]} numbers,"
                f" not {products.shape} of {products.dtype}"
            )
        products = np.array(products, np.float64)
        products.setflags(write=False)
        object.__setattr__(self, "products", products)

    @classmethod
    def from_operator(cls, spec: Any, *after: Any) -> "Multiplier":
        """All products of an operator with two operands and one result, by its golden model.

        Parameters
        ----------
        spec : OperatorSpec
        after : OperatorSpec
            Operators with one operand that the result goes through, ``convert`` say.

        Raises
        ------
        ValueError
            If it has other ports or a state, or if numbers of its result are no floats.
        """
        inputs, outputs = spec.inputs(), spec.outputs()
        if len(inputs) != 2 or len(outputs) != 1 or spec.stateful:
            raise ValueError(
                f"multiplier: {spec.name} must have two operands, one result and no state, not"
                f" {', '.join(inputs)} and {', '.join(outputs)}"
            )
        (first, a), (second, b) = inputs.items()
        (result, format) = next(iter(outputs.items()))
        for one in after:
            if [*one.inputs().values()] != [format] or len(one.outputs()) != 1 or one.stateful:
                raise ValueError(
                    f"multiplier: {one.name} must have one operand, a number of {format}, one"
                    " result and no state"
                )
            format = next(iter(one.outputs().values()))
        if not format.has_binary_fractions:
            raise ValueError(
                f"multiplier: {spec.name}: numbers of {result} must be floats, not {format}\n"
                "  hint: give a convert to a float, to fp16 say, as the operator after it"
            )
        if max(a.width, b.width) > _MOST_BITS:
            raise FormatError(
                f"multiplier: {spec.name}: operands must have at most {_MOST_BITS} bits,"
                f" not {a} and {b}"
            )
        pairs = np.meshgrid(np.arange(1 << a.width), np.arange(1 << b.width), indexing="ij")
        codes = spec.golden(**{first: pairs[0].reshape(-1), second: pairs[1].reshape(-1)})[result]
        for one in after:
            (operand,), (result,) = one.inputs(), one.outputs()
            codes = one.golden(**{operand: codes})[result]
        numbers = np.asarray(format.decode(codes), np.float64).reshape(pairs[0].shape)
        return cls(a, b, numbers, spec.top_name())

    @classmethod
    def from_table(
        cls, table: Any, a: str | Format = "uint8", b: str | Format = "uint8", name: str = "table"
    ) -> "Multiplier":
        """Products given by the code of a, then of b: integers or floats."""
        return cls(parse(a), parse(b), np.asarray(table), name)

    @classmethod
    def from_function(
        cls,
        function: Callable[[np.ndarray, np.ndarray], Any],
        a: str | Format = "uint8",
        b: str | Format = "uint8",
        name: str = "",
    ) -> "Multiplier":
        """Products of a function of two arrays of numbers, integers if the formats hold these."""
        left, right = parse(a), parse(b)
        numbers = []
        for format in (left, right):
            found = np.asarray(format.decode(np.arange(1 << format.width)), np.float64)
            whole = format.is_fixed_like and format.least_place >= 0
            numbers.append(found.astype(np.int64) if whole else found)
        table = np.asarray(function(numbers[0][:, None], numbers[1][None, :]))
        name = name or getattr(function, "__name__", "function").strip("<>")
        return cls(left, right, np.broadcast_to(table, [len(x) for x in numbers]), name)

    @functools.cached_property
    def exact_products(self) -> np.ndarray:
        """a * b of the numbers of all codes, float64."""
        left, right = (
            np.asarray(f.decode(np.arange(1 << f.width)), np.float64) for f in (self.a, self.b)
        )
        with np.errstate(invalid="ignore", over="ignore"):
            return np.multiply.outer(left, right)

    def errors(self) -> Errors:
        """Statistics of the products of all finite numbers; a product that is NaN or infinite
        although that of the numbers is not counts as an infinite error."""
        exact = self.exact_products
        known = np.isfinite(exact)
        with np.errstate(invalid="ignore"):
            error = (self.products - exact)[known]
        error[np.isnan(error)] = np.inf
        exact, distance = exact[known], np.abs(error)
        nonzero = exact != 0
        relative = distance[nonzero] / np.abs(exact[nonzero])
        return Errors(
            mred=float(relative.mean()) if len(relative) else 0.0,
            wce=float(distance.max(initial=0.0)),
            bias=float(error.mean()) if len(error) else 0.0,
            med=float(distance.mean()) if len(error) else 0.0,
            rate=float((distance > 0).mean()) if len(error) else 0.0,
        )

    @functools.cached_property
    def unit(self) -> float | None:
        """The power of two that all products are multiples of; None if that takes over 31 bits."""
        values = self.products
        if not np.isfinite(values).all():
            return None
        mantissa, exponent = np.frexp(values[values != 0])
        if not len(mantissa):
            return 1.0
        whole = (np.abs(mantissa) * 2.0**53).astype(np.int64)
        places = np.frexp((whole & -whole).astype(np.float64))[1] - 54 + exponent
        least, largest = int(places.min()), int(exponent.max())
        return 2.0**least if largest - least <= 31 and abs(least) < 1000 else None

    @functools.cached_property
    def table(self) -> TableProduct | None:
        """The products in units, 256 x 256, for exact sums; None without a unit."""
        if self.unit is None:
            return None
        whole = np.zeros((256, 256), np.int64)
        rows, columns = self.products.shape
        whole[:rows, :columns] = (self.products / self.unit).astype(np.int64)
        if int(whole.max()) >= 1 << 31 or int(whole.min()) < -(1 << 31):
            return None
        return TableProduct(whole)

    def rank(self) -> int:
        """How many products of functions of one factor the table is a sum of; over the rationals.

        Proved: by a sum found and checked in all entries if it has ten terms at most, else modulo
        primes (:mod:`.rank`).

        Raises
        ------
        ValueError
            If the products are no multiples of one step with 31 bits.
        """
        if self.table is None:
            raise ValueError(
                f"multiplier: products of {self.name} must be multiples of one step with at most"
                " 31 bits for a rank"
            )
        if self.table.terms is not None:
            return self.table.terms[0].shape[1]
        return rational_rank(self.table.products)

    def sums(self, a: Any, b: Any, *, threads: int = 1) -> np.ndarray:
        """Exact sums of products of codes, a (M x K) and b (K x N), as float64.

        Raises
        ------
        ValueError
            If products are no multiples of one step with 31 bits, codes too large, or sizes differ.
        """
        if self.table is None or self.unit is None:
            raise ValueError(
                f"multiplier: products of {self.name} must be multiples of one step with at most"
                " 31 bits for exact sums\n  hint: rounded_sums() takes any"
            )
        a, b = self._codes("a", a), self._codes("b", b)
        found = self.table.sums(a, b, threads=threads)
        return found.astype(np.float64) * self.unit

    def rounded_sums(self, a: Any, b: Any, *, threads: int = 1, **options: Any) -> np.ndarray:
        """Sums that are rounded at every step, in the order of K: codes of the accumulator.

        Parameters
        ----------
        options
            ``accumulator`` and the other parameters of :class:`holigrail_hw.kernels.Gemm`, but not
            formats of factors; no stochastic rounding.
        """
        a, b = self._codes("a", a), self._codes("b", b)
        gemm = Gemm(a=_ONE, b=self._product_format, **options)
        if gemm.rounding.is_stochastic:
            raise ValueError("multiplier: rounding of sums must not be stochastic")
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
            raise ValueError(f"multiplier: matrices must fit, not {a.shape} and {b.shape}")
        found = float_sums(gemm, self.products, a, b, threads)
        if found is not None:
            return gemm.accumulator.encode(found.astype(np.float64))
        return self._by_ones(gemm, a, b, threads)

    def _by_ones(self, gemm: Gemm, a: np.ndarray, b: np.ndarray, threads: int) -> np.ndarray:
        """Products laid out, times a row of ones."""
        depth, columns = b.shape
        rows = max(1, _MOST_PRODUCTS // max(depth * columns, 1))
        ones = np.ones((1, depth))
        parts = [np.zeros((0, columns), np.uint64)]
        for first in range(0, len(a), rows):
            part = a[first : first + rows]
            # By k, row and column.
            laid = self.products[part.T[:, :, None], b[:, None, :]]
            numbers = gemm.numbers(ones, laid.reshape(depth, -1), threads=threads, trusted=True)
            codes = gemm.accumulator.encode(numbers.astype(np.float64))
            parts.append(np.asarray(codes).reshape(len(part), columns))
        return np.concatenate(parts)

    @functools.cached_property
    def _product_format(self) -> Format:
        """A float that holds every product."""
        for name in ("fp32", "fp64"):
            format = parse(name)
            kept = np.asarray(format.decode(format.encode(self.products.reshape(-1))))
            if np.array_equal(kept, self.products.reshape(-1), equal_nan=True):
                return format
        raise ValueError(f"multiplier: products of {self.name} must be floats of 64 bits")

    def _codes(self, which: str, given: Any) -> np.ndarray:
        array, width = np.asarray(given), getattr(self, which).width
        if array.dtype.kind not in "iu" and array.size:
            raise ValueError(f"multiplier: {which} must be integer codes, not {array.dtype}")
        if array.size and (int(array.min()) < 0 or int(array.max()) >= 1 << width):
            raise ValueError(f"multiplier: codes of {which} must be between 0 and 2^{width} - 1")
        return array.astype(np.uint8)
