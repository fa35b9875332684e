"""Where a search for a matrix adder graph starts: rows in signed digits.

Rows that are zero, equal, opposite, or equal up to a power of two are one row. The others are
written alone, or as differences from other rows along a spanning tree (Sun et al., "da4ml:
Distributed Arithmetic for Real-time Neural Networks on FPGAs", 2025, but inside one graph).
"""

from collections.abc import Sequence

from .draft import Term
from .graph import Matrix, Row

__all__ = ["alone", "distinct_rows", "signed_digits", "spanning_tree"]

Target = tuple[int, int, int] | None


def signed_digits(constant: int) -> dict[int, int]:
    """Canonic signed digits: position to 1 or -1, no two next to each other."""
    digits = {}
    position = 0
    while constant:
        if constant & 1:
            digit = 2 - (constant & 3)
            digits[position] = digit
            constant -= digit
        constant >>= 1
        position += 1
    return digits


def distinct_rows(matrix: Matrix) -> tuple[list[Row], list[Target]]:
    """Odd rows that differ in more than sign, and (row, shift, sign) of each row, None for zero."""
    found: dict[Row, int] = {}
    targets: list[Target] = []
    for row in matrix:
        if not any(row):
            targets.append(None)
            continue
        shift = min((c & -c).bit_length() - 1 for c in row if c)
        odd = tuple(c >> shift for c in row)
        opposite = tuple(-c for c in odd)
        sign = -1 if opposite in found else 1
        index = found.setdefault(opposite if sign < 0 else odd, len(found))
        targets.append((index, shift, sign))
    return list(found), targets


def alone(rows: Sequence[Row]) -> list[list[Term]]:
    """Every row in signed digits of the inputs."""
    return [_terms(row) for row in rows]


def spanning_tree(rows: Sequence[Row], limit: int) -> list[list[Term]]:
    """Prim's tree: every row alone, or the difference from a row that is already in the tree.

    A row costs its terms, one of which is the parent. Depths stay within the limit.
    """
    inputs = len(rows[0])
    links = [(_weight(row), -1, 0) for row in rows]
    depths = [0] * len(rows)
    found: list[list[Term]] = [[] for _ in rows]
    left = set(range(len(rows)))
    while left:
        row = min(left, key=lambda index: (links[index][0], index))
        left.remove(row)
        weight, parent, sign = links[row]
        if parent < 0:
            found[row] = _terms(rows[row])
            depths[row] = max(0, weight - 1).bit_length()
        else:
            found[row] = _terms(
                [a - sign * b for a, b in zip(rows[row], rows[parent], strict=True)]
            )
            found[row].append((inputs + parent, 0, sign))
            depths[row] = (weight - 2 + (1 << depths[parent])).bit_length()
        for other in left:
            for sign in (1, -1):
                weight = 1 + sum(
                    ((c := a - sign * b) ^ (3 * c)).bit_count()
                    for a, b in zip(rows[other], rows[row], strict=True)
                )
                load = weight - 1 + (1 << depths[row])
                if weight < links[other][0] and load <= 1 << limit:
                    links[other] = weight, row, sign
    return found


def _terms(row: Sequence[int]) -> list[Term]:
    return [
        (node, shift, sign)
        for node, constant in enumerate(row)
        for shift, sign in signed_digits(constant).items()
    ]


def _weight(row: Row) -> int:
    return sum(len(signed_digits(c)) for c in row)
