"""The form in which each node of an adder graph is stored, so that inversions cost least.

A node with the value V may be stored as σ V + δ: as V, as its complement ~V = -V - 1, negative as
-V, or as V - 1, the complement of -V. An adder forms p + q + carry, and its carry in absorbs the
offsets: V - W is V + ~W + 1, and ~V + W is ~(V - W). Which forms pay off depends on the device:

* Where the LUT of an adder inverts an operand for free (most devices), p - q costs as much as
  p + q. It still pays to store -V instead of V = (u << s) - v: the low bits of v - (u << s) pass
  straight through.
* On iCE40 the carry cell taps the operands in front of the LUT: a subtrahend needs a LUT for each
  of its bits, unless its producer stores the complement, which the producer's LUT gives for free.

The sign of a product with a positive constant is the sign of x, a wire. Cells counted here are
those of the emitted adders. :func:`assign` chooses forms by dynamic programming over the nodes in
order, with the forms of nodes still to be read as state. It is exact unless there are more than
``_MOST_STATES`` such states; then the cheapest are kept.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

__all__ = [
    "COMPLEMENT",
    "DECREMENTED",
    "NEGATIVE",
    "TRUE",
    "Assignment",
    "Node",
    "Recipe",
    "Result",
    "StoredForm",
    "Sum",
    "assign",
    "stored_range",
    "width_of_range",
]

_MOST_STATES = 300


class StoredForm(NamedTuple):
    """The stored value is sign * V + offset."""

    sign: int
    offset: int

    @property
    def complement(self) -> "StoredForm":
        """The form of the inverted bits."""
        return StoredForm(-self.sign, -1 - self.offset)


TRUE = StoredForm(1, 0)
COMPLEMENT = StoredForm(-1, -1)
NEGATIVE = StoredForm(-1, 0)
DECREMENTED = StoredForm(1, -1)


class Node(NamedTuple):
    """Bounds of a node's value, its known low zeros, whether its sign is that of the inputs.

    ``masked`` says that some reader clears low bits of it, which commutes with V and ~V only.
    """

    low: int
    high: int
    zeros: int
    sign_known: bool
    masked: bool


class Sum(NamedTuple):
    """V * 2^right_shift = ±left ± right, of nodes ``left`` and ``right``.

    ``shifts`` are the operands' left shifts, ``zeros`` their known zeros after clearing and
    shifting. ``exact`` says that the low bits shifted out are zero.
    """

    left: int
    right: int
    negative: tuple[bool, bool]
    shifts: tuple[int, int]
    zeros: tuple[int, int]
    right_shift: int
    exact: bool


class Recipe(NamedTuple):
    """How an adder is built.

    From bit ``start`` on, the operands in the forms ``forms``, with zeros or ones (``fills``) at
    the bottom, are added or subtracted, plus ``carry``; the bits below are those of operand
    ``passing`` (or there are none). The sum is inverted if ``inverted``. ``dropped`` bits of the
    sum are shifted out. ``sign_from`` names the operand whose sign is the result's. ``cells`` is
    the number of adder cells, ``inverters`` that of LUTs that invert bits which pass through.
    """

    forms: tuple[StoredForm, StoredForm]
    fills: tuple[int, int]
    subtract: tuple[bool, bool]
    carry: int
    start: int
    passing: int | None
    inverted: bool
    dropped: int
    sign_from: int | None
    cells: int
    inverters: int


class Result(NamedTuple):
    """An output: V of a node, or -V."""

    node: int
    negative: bool


class Assignment(NamedTuple):
    """Forms of all nodes, the nodes that are also kept inverted, a recipe per sum, total cells."""

    forms: tuple[StoredForm, ...]
    inverted_too: tuple[bool, ...]
    recipes: tuple[Recipe, ...]
    cells: int


_Option = tuple[StoredForm, bool]


def width_of_range(low: int, high: int) -> int:
    """Bits that hold every integer from low to high, at least 1."""
    magnitude = max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0)
    return max(1, magnitude + (low < 0))


def stored_range(node: Node, form: StoredForm) -> tuple[int, int]:
    """Bounds of a node's stored value."""
    ends = form.sign * node.low + form.offset, form.sign * node.high + form.offset
    return min(ends), max(ends)


def _variable_bits(node: Node, form: StoredForm) -> int:
    """Bits of a stored value that are not constant."""
    low, high = stored_range(node, form)
    return width_of_range(low, high) - (high < 0) - node.zeros


@lru_cache(maxsize=1 << 16)
def _best_recipe(
    sum: Sum,
    nodes: tuple[Node, Node, Node],
    left: _Option,
    right: _Option,
    form: StoredForm,
    subtracts: bool,
) -> Recipe | None:
    """The cheapest way to make ``form`` of the third node from the stored operands."""
    found = [
        recipe
        for left_form in _available(left)
        for right_form in _available(right)
        for recipe in _recipes(sum, nodes, (left_form, right_form), form, subtracts)
    ]
    return min(found, key=lambda recipe: recipe.cells + recipe.inverters, default=None)


def _available(option: _Option) -> tuple[StoredForm, ...]:
    form, inverted_too = option
    return (form, form.complement) if inverted_too else (form,)


def _recipes(
    sum: Sum,
    nodes: tuple[Node, Node, Node],
    forms: tuple[StoredForm, StoredForm],
    form: StoredForm,
    subtracts: bool,
) -> Iterator[Recipe]:
    signs = [-1 if negative else 1 for negative in sum.negative]
    for masked, operand in zip((nodes[0].masked, nodes[1].masked), forms, strict=True):
        if masked and operand not in (TRUE, COMPLEMENT):
            return
    # Rounding to minus infinity commutes with V and ~V only, unless there is nothing to round.
    rounds = sum.right_shift and not sum.exact
    if (rounds or nodes[2].masked) and form not in (TRUE, COMPLEMENT):
        return
    minuses = [(False, True), (True, False)] if subtracts else []
    for inverted in (False,) if subtracts else (False, True):
        for subtract in ((False, False), *minuses):
            factors = [
                (-1 if inverted else 1) * (-1 if minus else 1) * operand.sign
                for minus, operand in zip(subtract, forms, strict=True)
            ]
            if any(f != form.sign * s for f, s in zip(factors, signs, strict=True)):
                continue
            for start, passing, fills in _starts(sum, forms, subtract):
                # Below 2^start the offsets must cancel by themselves; above, with the carry.
                offset = 0
                for index in (0, 1):
                    place = sum.zeros[index]
                    if sum.right_shift and start:
                        value = forms[index].offset << start
                    elif fills[index]:
                        value = -1
                    else:
                        value = forms[index].offset << place
                    offset += -value if subtract[index] else value
                for carry in (0, 1) if not any(subtract) else (0,):
                    total = offset + (carry << start)
                    if sum.right_shift and start:
                        if total & ((1 << start) - 1):
                            continue
                        total >>= start
                    if (-total - 1 if inverted else total) == form.offset:
                        yield _counted(
                            sum,
                            nodes,
                            form,
                            Recipe(
                                forms,
                                fills,
                                subtract,
                                carry,
                                start,
                                passing,
                                inverted,
                                0 if start else sum.right_shift,
                                None,
                                0,
                                0,
                            ),
                        )


def _starts(
    sum: Sum, forms: tuple[StoredForm, StoredForm], subtract: tuple[bool, bool]
) -> Iterator[tuple[int, int | None, tuple[int, int]]]:
    """First bit of the adder, the operand whose lower bits pass, what fills the operands' zeros."""
    offsets = [form.offset for form in forms]
    choices = [(0,) if not offset else (0, 1) for offset in offsets]
    yield from ((0, None, (a, b)) for a in choices[0] for b in choices[1])
    if sum.right_shift:
        # Where the low bits of a difference vanish, the operands agree: they cause no borrow.
        if sum.exact and sum.negative[0] != sum.negative[1]:
            if all(form in (TRUE, COMPLEMENT) for form in forms):
                yield sum.right_shift, None, (0, 0)
        return
    for passing in (0, 1):
        start = sum.zeros[1 - passing]
        if start and not subtract[passing]:
            for fill in choices[passing]:
                yield start, passing, (fill, 0) if passing == 0 else (0, fill)


def _counted(sum: Sum, nodes: tuple[Node, Node, Node], form: StoredForm, recipe: Recipe) -> Recipe:
    low, high = stored_range(nodes[2], form)
    sign_from = None
    if form in (TRUE, COMPLEMENT) and nodes[2].sign_known:
        for index in (0, 1):
            if nodes[index].sign_known and recipe.forms[index] == form:
                sign_from = index
                break
    free = sign_from is not None or high < 0
    cells = max(0, width_of_range(low, high) - free + recipe.dropped - recipe.start)
    if sum.right_shift and recipe.start:
        cells = width_of_range(low, high) - free
    if _is_joined(sum, nodes, recipe):
        cells = 0
    inverters = 0
    if recipe.inverted and recipe.passing is not None:
        inverters = recipe.start - min(recipe.start, sum.zeros[recipe.passing])
    return recipe._replace(sign_from=sign_from, cells=cells, inverters=inverters)


def _is_joined(sum: Sum, nodes: tuple[Node, Node, Node], recipe: Recipe) -> bool:
    """Whether the operands do not overlap: the sum is their bits side by side."""
    if recipe.passing is None or recipe.carry or any(recipe.subtract) or recipe.inverted:
        return False
    low, high = stored_range(nodes[recipe.passing], recipe.forms[recipe.passing])
    return low >= 0 and high.bit_length() + sum.shifts[recipe.passing] <= recipe.start


def _options(node: Node, is_input: bool, subtracts: bool) -> list[_Option]:
    if is_input:
        return [(TRUE, False)] if subtracts else [(TRUE, False), (TRUE, True)]
    forms = [TRUE] if node.masked else [TRUE, NEGATIVE]
    if subtracts:
        return [(form, False) for form in forms]
    forms = [TRUE, COMPLEMENT] if node.masked else [TRUE, COMPLEMENT, NEGATIVE, DECREMENTED]
    return [(form, both) for form in forms for both in (False, True)]


def _result_cells(node: Node, option: _Option, negative: bool, subtracts: bool) -> int:
    """Cells between a stored node and an output."""
    wanted = NEGATIVE if negative else TRUE
    available = _available(option)
    if wanted in available:
        return 0
    width = width_of_range(*stored_range(node, wanted)) - node.zeros
    if wanted.complement in available:
        return width
    # A negation or an increment; where inversion is not free, a negation inverts its operand first.
    simple = subtracts or any(form.sign == wanted.sign for form in available)
    return width if simple else 2 * width


@lru_cache(maxsize=256)
def assign(
    nodes: tuple[Node, ...],
    inputs: int,
    sums: tuple[Sum, ...],
    results: tuple[Result, ...],
    subtracts: bool,
) -> Assignment:
    """The cheapest forms found.

    Parameters
    ----------
    nodes : inputs first, then one node for every sum
    inputs : how many of the nodes are inputs, stored as they are
    results : the outputs; equal ones are counted once
    subtracts : whether an adder inverts an operand for free
    """
    last_use = list(range(len(nodes)))
    for index, sum in enumerate(sums, start=inputs):
        for node in (sum.left, sum.right):
            last_use[node] = max(last_use[node], index)
    wanted: dict[int, list[bool]] = {}
    for result in dict.fromkeys(results):
        wanted.setdefault(result.node, []).append(result.negative)

    # State: options of live nodes; value: cost and the chain of choices behind it.
    live: list[int] = []
    states: dict[tuple[_Option, ...], tuple[int, tuple]] = {(): (0, ())}
    for index, node in enumerate(nodes):
        is_input = index < inputs
        before = {name: place for place, name in enumerate(live)}
        next_live = [name for name in (*live, index) if last_use[name] > index]
        grown: dict[tuple[_Option, ...], tuple[int, tuple]] = {}
        base = [
            (option, _base_cost(node, option, wanted.get(index, ()), subtracts))
            for option in _options(node, is_input, subtracts)
        ]
        sum = None if is_input else sums[index - inputs]
        for state, (cost, chain) in states.items():
            for option, extra in base:
                recipe = None
                if sum is not None:
                    recipe = _best_recipe(
                        sum,
                        (nodes[sum.left], nodes[sum.right], node),
                        state[before[sum.left]],
                        state[before[sum.right]],
                        option[0],
                        subtracts,
                    )
                    if recipe is None:
                        continue
                    extra = extra + recipe.cells + recipe.inverters
                key = tuple(option if name == index else state[before[name]] for name in next_live)
                if key not in grown or grown[key][0] > cost + extra:
                    grown[key] = cost + extra, (chain, option, recipe)
        if len(grown) > _MOST_STATES:
            grown = dict(sorted(grown.items(), key=lambda item: item[1][0])[:_MOST_STATES])
        states, live = grown, next_live
    cells, chain = min(states.values(), key=lambda item: item[0])
    options, recipes = [], []
    while chain:
        chain, option, recipe = chain
        options.append(option)
        recipes.append(recipe)
    options.reverse()
    recipes.reverse()
    return Assignment(
        tuple(form for form, _ in options),
        tuple(both for _, both in options),
        tuple(recipe for recipe in recipes if recipe is not None),
        cells,
    )


def _base_cost(node: Node, option: _Option, wanted: Sequence[bool], subtracts: bool) -> int:
    """Cells for the inverted copy of a node and for its outputs."""
    cost = _variable_bits(node, option[0]) if option[1] else 0
    for negative in wanted:
        cost += _result_cells(node, option, negative, subtracts)
    return cost
