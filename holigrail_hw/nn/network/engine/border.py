"""The streams of a network on a matrix engine: commands, and what comes back for them.

Frames are all of their commands, in the order of the layers, with the operands that the integer
graph gives: a run of them keeps the engine busy without a host in between. A layer's results are
then right if, and only if, they are those of the graph.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from holigrail_hw.core import RequestError, Timing
from holigrail_hw.core.streams import Items, Stream, joined

from .items import finished, frame_items, layer_sums, result_count
from .layers import Layer
from .plan import Plan
from .planner import plan_of

__all__ = ["Border"]


class Border:
    """What enters and leaves, for one network.

    Parameters
    ----------
    network : operator ``network`` in style ``engine``
    """

    def __init__(self, network: Any):
        self._plan: Plan = plan_of(network)

    @property
    def frames(self) -> Any:
        """Raises RequestError: frames do not travel as beats."""
        raise RequestError(
            "network: frames must be sent by a NetworkHost in style engine, not as beats"
        )

    def streams(self) -> dict[str, Stream]:
        return self._plan.spec.streams()

    def golden(self, items: Mapping[str, Any]) -> Items:
        return self._plan.spec.golden(**items)

    def cycles(self, timing: Timing, items: Mapping[str, Any]) -> int:
        return self._plan.spec.cycles(timing, **items)

    def job(self, rng: np.random.Generator, size: int) -> Items:
        """Some commands in a row of a random frame, of about so many items; at least one."""
        port = self._plan.graph.inputs[0]
        commands = self._commands(
            rng.integers(port.low, port.high, (1, *port.shape), endpoint=True)
        )
        first = last = int(rng.integers(len(commands)))
        items = _count(commands[first])
        while last + 1 < len(commands) and items + _count(commands[last + 1]) <= size:
            last += 1
            items += _count(commands[last])
        return joined(commands[first : last + 1])

    def corner_jobs(self) -> list[Items]:
        port = self._plan.graph.inputs[0]
        return [self.items(np.full((1, *port.shape), end)) for end in (port.low, port.high)]

    def items(self, frames: np.ndarray) -> Items:
        """All commands of some frames."""
        return joined(self._commands(frames))

    def _commands(self, frames: np.ndarray) -> list[Items]:
        return [*frame_items(self._plan, self._plan.graph.evaluate(frames, every=True))]

    def outcome(self, frames: np.ndarray, results: Items) -> tuple[np.ndarray, dict[str, Any]]:
        """The network's results for such items of the engine, and what is known of its layers."""
        plan, at, wrong = self._plan, 0, set()
        output, parts = plan.graph.outputs[0].tensor, []
        tensors = plan.graph.evaluate(frames, every=True)
        for start in range(0, len(frames), plan.batch):
            block = slice(start, start + plan.batch)

            def engine(layer: Layer, operand: np.ndarray, block: slice = block) -> np.ndarray:
                nonlocal at
                count = result_count(plan, layer, len(operand))
                items = {name: codes[at : at + count] for name, codes in results["result"].items()}
                at += count
                found = finished(layer, plan, layer_sums(plan, layer, items, len(operand)))
                if not np.array_equal(found, tensors[layer.result][block]):
                    wrong.add(layer.node.name)
                return found

            parts.append(plan.run(frames[block], engine)[output])
        right = len(plan.layers) - len(wrong)
        facts = {"layers equal to the graph": f"{right} of {len(plan.layers)}"}
        return np.concatenate(parts), facts


def _count(items: Items) -> int:
    """Items on all streams."""
    return sum(len(next(iter(fields.values()))) for fields in items.values())
