"""An adder graph as steps of a plan: one step for every adder, in the forms chosen for its nodes.

:mod:`.node_signs` decides how each node is stored and each adder is built; this module turns that
into expressions. A carry in is one more bit below both operands, which every synthesis tool turns
into a constant at the start of the carry chain.
"""

from collections.abc import Callable, Sequence
from typing import Any

from amaranth import Cat, Const, Shape, Value, signed, unsigned

from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.estimate.primitives import CountedAdder, Logic, Wiring

from .node_signs import (COMPLEMENT, NEGATIVE, TRUE, Assignment, Node, Recipe, Result, StoredForm, Sum, assign, stored_range, width_of_range)

__all__ = ["GraphSteps", "form_name", "shape_of_range"]


class GraphSteps:
    """Steps of a whole adder graph.

    Parameters
    ----------
    plan : Plan
        Its device decides which forms pay off.
    nodes, sums, results
        The graph, as :func:`.node_signs.assign` takes it.
    inputs : list of Wire
        The values of the first nodes.
    names : list of str
        Names of the nodes in the Verilog.
    counted : list of int
        One-bit adders of every sum as the cost model counts them.
    depths : list of int or None
        Adder depth of every node, if every adder is to be followed by a register.
    """

    def __init__(
        self,
        plan: Plan,
        nodes: Sequence[Node],
        sums: Sequence[Sum],
        results: Sequence[Result],
        *,
        inputs: Sequence[Wire],
        names: Sequence[str],
        counted: Sequence[int],
        depths: Sequence[int] | None = None,
    ):
        self._plan = plan
        self._nodes = nodes
        self._names = names
        self._depths = depths
        self._inputs = len(inputs)
        self._subtracts = plan.device.adder_subtracts
        self.assignment: Assignment = assign(
            tuple(nodes), len(inputs), tuple(sums), tuple(results), self._subtracts
        )
        self._stored: dict[tuple[int, StoredForm], Wire] = {
            (index, TRUE): wire for index, wire in enumerate(inputs)
        }
        for index, both in enumerate(self.assignment.inverted_too[: len(inputs)]):
            if both:
                self._invert(index, TRUE)
        for offset, (sum, recipe) in enumerate(zip(sums, self.assignment.recipes, strict=True)):
            self._add(offset, sum, recipe, counted[offset])

    def result(self, result: Result) -> Wire:
        """V of a node, or -V, whatever it is stored as; made once."""
        form = NEGATIVE if result.negative else TRUE
        key = result.node, form
        if key not in self._stored:
            if (result.node, form.complement) in self._stored:
                self._invert(result.node, form.complement)
            else:
                self._change(result.node, form)
        return self._stored[key]

    def _add(self, offset: int, sum: Sum, recipe: Recipe, counted: int) -> None:
        index = self._inputs + offset
        form = self.assignment.forms[index]
        shape = shape_of_range(*stored_range(self._nodes[index], form))
        operands = [
            self._stored[node, operand]
            for node, operand in zip((sum.left, sum.right), recipe.forms, strict=True)
        ]
        # Synthesis merges no adders across an inverter or where some bits bypass the adder; a kept
        # name would also keep inverters out of the LUTs that add.
        self._stored[index, form] = self._plan.step(
            form_name(self._names[index], form),
            shape,
            _sum(sum, recipe, shape),
            *operands,
            using=CountedAdder(recipe.cells, counted, recipe.inverters)
            if recipe.cells
            else Wiring(),
            wrap=True,
            keep=not recipe.inverted and recipe.sign_from is None,
            cycle=self._depths[index] - 1 if self._depths else 0,
        )
        if self.assignment.inverted_too[index]:
            self._invert(index, form)

    def _invert(self, node: int, form: StoredForm) -> None:
        wanted = form.complement
        shape = shape_of_range(*stored_range(self._nodes[node], wanted))
        self._stored[node, wanted] = self._plan.step(
            form_name(self._names[node], wanted),
            shape,
            lambda value: ~_bits(value, 0, shape.width),
            self._stored[node, form],
            using=Logic(1, shape.width),
            wrap=True,
        )

    def _change(self, node: int, form: StoredForm) -> None:
        """Convert a stored node: a negation, or an increment (with its sign)."""
        stored = [found for owner, found in self._stored if owner == node]
        start = next((f for f in stored if f.sign == form.sign), stored[0])
        shape = shape_of_range(*stored_range(self._nodes[node], form))
        same_sign = start.sign == form.sign
        assert same_sign or start.offset == 0
        is_simple = self._subtracts or same_sign
        self._stored[node, form] = self._plan.step(
            form_name(self._names[node], form),
            shape,
            lambda value: value + 1 if same_sign else -value,
            self._stored[node, start],
            using=CountedAdder(shape.width, shape.width, 0 if is_simple else shape.width),
            wrap=True,
            keep=True,
        )


def form_name(name: str, form: StoredForm) -> str:
    """Name of a node in one of its forms."""
    if form == TRUE:
        return name
    if form == COMPLEMENT:
        return f"not_{name}"
    return f"minus_{name}" if form == NEGATIVE else f"{name}_less_1"


def shape_of_range(low: int, high: int) -> Shape:
    """The narrowest shape that holds every integer from low to high."""
    width = width_of_range(low, high)
    return signed(width) if low < 0 else unsigned(width)


def _sum(sum: Sum, recipe: Recipe, shape: Shape) -> Callable[[Any, Any], Any]:
    """The adder as an expression of its stored operands."""
    known = shape.signed and (recipe.sign_from is not None)

    def function(left: Any, right: Any) -> Any:
        stored = left, right
        if sum.right_shift and recipe.start:
            upper = [value.shift_right(recipe.start) for value in stored]
            low: Any = Const(0, 0)
        else:
            whole = [
                _placed(value, zeros - shift, zeros, fill)
                for value, zeros, shift, fill in zip(
                    stored, sum.zeros, sum.shifts, recipe.fills, strict=True
                )
            ]
            upper = [value.shift_right(recipe.start) for value in whole]
            low: Any = Const(0, 0)
            if recipe.passing is not None:
                low = _bits(whole[recipe.passing], 0, recipe.start)
                if recipe.inverted:
                    low = ~low
        first, count = recipe.dropped, shape.width - len(low) - bool(known)
        if count <= 0:
            bits = Const(0, 0)
        else:
            bits = _bits(_total(upper, recipe), first, count)
            if recipe.inverted:
                bits = ~bits
        sign = Const(0, 0)
        if known:
            assert recipe.sign_from is not None
            sign = Value.cast(stored[recipe.sign_from])[-1]
        whole_sum = Cat(low[: shape.width], bits, sign)
        return whole_sum.as_signed() if shape.signed else whole_sum

    return function


def _total(upper: Sequence[Any], recipe: Recipe) -> Any:
    left, right = upper
    if recipe.subtract[0]:
        return right - left
    if recipe.subtract[1]:
        return left - right
    if recipe.carry:
        return (_placed(left, 0, 1, 1) + _placed(right, 0, 1, 1)).shift_right(1)
    return left + right


def _placed(value: Any, cleared: int, zeros: int, fill: int) -> Any:
    """The value without its ``cleared`` low bits, above ``zeros`` bits that all equal ``fill``."""
    value = Value.cast(value).shift_right(cleared)
    if not zeros:
        return value
    whole = Cat(Const(-fill & ((1 << zeros) - 1), zeros), value)
    return whole.as_signed() if value.shape().signed else whole


def _bits(value: Any, first: int, count: int) -> Any:
    """Bits of a value, extended by its sign."""
    return (value | Const(0, signed(first + count + 1)))[first : first + count]
