"""What is asked of a search for an adder graph, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass

from holigrail_hw.formats.plain_values import settle_fields

from ..graph.adder_graph import AdderGraph, odd_targets
from ..graph.counting import counting_rule, one_bit_adders
from ..graph.error_bounds import output_errors
from ..problem.errors import GraphError
from .heuristic import least_depth

__all__ = ["ENDS", "ENGINES", "METRICS", "Problem", "Report", "Solution"]

METRICS = ("adders", "one-bit-adders")
ENGINES = ("auto", "search", "ilp", "cp-sat")
ENDS = ("complete", "time limit", "interrupt")
"""How a search can end; only a complete one gives the same answer again."""

_WIDEST = 64


@dataclass(frozen=True)
class Problem:
    """What to solve.

    ``error`` bounds the magnitude of output minus exact product, for every output, in units of the
    product's lowest bit; 0 is exact. ``depth`` limits the adders on a path. ``extra`` is how many
    adders above the fewest a graph may use to save one-bit adders; None leaves that open: exact
    graphs with one more are tried up to a given amount of work, with two more where one was quick.

    Lists and NumPy integers are accepted; anything that is not an integer is a GraphError.
    """

    constants: tuple[int, ...]
    metric: str = "adders"
    input_width: int = 8
    signed: bool = True
    rule: str = "ours"
    depth: int | None = None
    extra: int | None = None
    error: int = 0

    def __post_init__(self) -> None:
        integers = ("input_width", "depth", "extra", "error")
        settle_fields(
            self, "", GraphError, integers=integers, flags=("signed",), lists=("constants",)
        )

    def violations(self) -> list[str]:
        """Everything wrong with the request, one line each."""
        found = []
        if not self.constants:
            found.append("constants must hold at least one integer")
        wide = [c for c in self.constants if abs(c).bit_length() > _WIDEST]
        if wide:
            found.append(f"constants must have at most {_WIDEST} bits, not {wide[0]}")
        if self.metric not in METRICS:
            found.append(f"metric must be one of {', '.join(METRICS)}, not {self.metric}")
        try:
            counting_rule(self.rule)
        except GraphError as error:
            found.append(str(error))
        targets = odd_targets(self.constants)
        if self.depth is not None and self.depth < least_depth(targets):
            found.append(f"depth must be {least_depth(targets)} or more, not {self.depth}")
        if self.error < 0:
            found.append(f"error must be 0 or more, not {self.error}")
        if self.error and self.metric != "one-bit-adders":
            found.append("an error bound needs metric one-bit-adders, not adders")
        if self.error and self.rule != "ours":
            found.append(f"an error bound needs rule ours, not {self.rule}")
        return found


@dataclass(frozen=True)
class Solution:
    """A graph and what is known about it.

    ``proved``: no graph within the request's limits is better; where the number of adders was left
    open, none with at most ``searched``. ``bound`` is a proved lower bound on the metric within the
    same limits, or for any number of adders where nothing is proved (0 with an error bound).
    ``least_adders`` is a lower bound on the number of adders. ``searched``: no graph with at most
    this many adders has fewer one-bit adders; 0 where nothing is known. ``ended``: one of ENDS.
    """

    problem: Problem
    graph: AdderGraph
    proved: bool
    bound: int
    least_adders: int
    engine: str
    seconds: float
    searched: int = 0
    ended: str = "complete"

    @property
    def stopped(self) -> bool:
        """Whether Ctrl-C ended the search."""
        return self.ended == "interrupt"

    @property
    def adders(self) -> int:
        """Number of adders."""
        return len(self.graph.adders)

    @property
    def one_bit_adders(self) -> int:
        """One-bit adders under the request's rule."""
        problem = self.problem
        return one_bit_adders(
            self.graph, problem.input_width, signed=problem.signed, rule=problem.rule
        )

    @property
    def cost(self) -> int:
        """Value of the metric."""
        return self.adders if self.problem.metric == "adders" else self.one_bit_adders

    @property
    def worst_error(self) -> int:
        """Proved bound on the magnitude of output minus exact product."""
        errors = output_errors(self.graph, self.problem.signed)
        return max((max(-low, high) for low, high in errors), default=0)

    def summary(self) -> str:
        """Best, bound and gap, in one line."""
        found = f"{self.adders} adders"
        if self.problem.metric != "adders":
            found = f"{self.one_bit_adders} one-bit adders in {found}"
        if self.proved:
            among = f" among graphs of at most {self.searched} adders" if self.searched else ""
            return f"best {found}, proved{among}"
        if not self.bound:
            return f"best {found}, at least {self.least_adders} adders"
        gap = 100 * (self.cost - self.bound) / self.cost if self.cost else 0
        return f"best {found}, at least {self.bound}, gap {gap:.0f} %"

    def check(self) -> "Solution":
        """Return the solution itself if graph, limits and error bound hold; GraphError if not."""
        self.graph.check(self.problem.constants)
        wrong = []
        if self.problem.depth is not None and self.graph.depth > self.problem.depth:
            wrong.append(f"depth {self.graph.depth} above {self.problem.depth}")
        if self.worst_error > self.problem.error:
            wrong.append(f"error {self.worst_error} above {self.problem.error}")
        if self.proved and self.cost != self.bound:
            wrong.append(f"cost {self.cost} is not the bound {self.bound}")
        if self.ended not in ENDS:
            wrong.append(f"the search must have ended by one of {', '.join(ENDS)}")
        if wrong:
            raise GraphError("solution: " + "; ".join(wrong))
        return self


Report = Callable[[Solution], None]
"""Called with every better answer."""
