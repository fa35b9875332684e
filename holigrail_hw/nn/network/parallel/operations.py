"""The unrolled network: operations on single elements, which are integers of known range.

An element is a number into ``low`` and ``high``; one whose ends are equal is a constant, and needs
no operation.
"""

from dataclasses import dataclass

from holigrail_hw.mcm.matrix.circuit import MatrixCircuit
from holigrail_hw.mcm.matrix.graph import Matrix

from .rules import Rule

__all__ = ["Code", "Given", "Largest", "Operation", "Sums", "Unrolled"]


@dataclass(frozen=True)
class Sums:
    """outputs = matrix * inputs + constants; a row per output, none without a weight."""

    name: str
    inputs: tuple[int, ...]
    matrix: Matrix
    constants: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Given:
    """outputs = circuit(inputs): a graph of adders that is built as it stands.

    ``ranges`` are those of the inputs that its constants are wiring for.
    """

    name: str
    inputs: tuple[int, ...]
    circuit: MatrixCircuit
    ranges: tuple[tuple[int, int], ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Code:
    """output = rule(input)."""

    name: str
    input: int
    rule: Rule
    output: int

    @property
    def inputs(self) -> tuple[int, ...]:
        """The operand."""
        return (self.input,)

    @property
    def outputs(self) -> tuple[int, ...]:
        """The result."""
        return (self.output,)


@dataclass(frozen=True)
class Largest:
    """output = max(inputs)."""

    name: str
    inputs: tuple[int, ...]
    output: int

    @property
    def outputs(self) -> tuple[int, ...]:
        """The result."""
        return (self.output,)


Operation = Sums | Given | Code | Largest


@dataclass(frozen=True, eq=False)
class Unrolled:
    """Operations in the order in which they can be computed; each element has one at most."""

    operations: tuple[Operation, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def is_constant(self, element: int) -> bool:
        """Whether an element has one value only."""
        return self.low[element] == self.high[element]

    @property
    def macs(self) -> int:
        """Weights of all matrices that are not zero."""
        return sum(
            1
            for one in self.operations
            if isinstance(one, Sums)
            for row in one.matrix
            for w in row
            if w
        )
