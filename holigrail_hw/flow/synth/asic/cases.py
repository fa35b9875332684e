"""Case analysis: what stands still in a netlist, and which ways are shut, if ports are constant.

A net is constant if the constants at the inputs of its gate decide its output, whatever the other
inputs are. A signal does not get through a gate whose output, with the constants at its other
inputs, does not depend on it. Registers may have any value.
"""

from collections.abc import Mapping
from itertools import product

import numpy as np

from .cells import Pin
from .circuit import Circuit, Instance

__all__ = ["Case"]

_ONES = ~np.uint64(0)


class Case:
    """A netlist with some of its input bits constant.

    Parameters
    ----------
    circuit : Circuit
    given : mapping of int to bool
        Constant values by net.

    Attributes
    ----------
    constants : dict
        All nets that are constant then, with their values.
    """

    def __init__(self, circuit: Circuit, given: Mapping[int, bool]):
        self.constants = {0: False, 1: True, **given}
        self._answers: dict[tuple, bool | None] = {}
        for instance in circuit.gates:
            for pin in instance.cell.outputs:
                net = instance.nets.get(pin.name)
                if net is not None and (value := self._decided(instance, pin)) is not None:
                    self.constants[net] = value

    def shuts(self, instance: Instance, source: str, pin: Pin) -> bool:
        """Whether no edge gets from the input ``source`` of a gate to its output ``pin``."""
        if pin.function is None or source not in pin.function.inputs:
            return False
        if instance.nets[source] in self.constants:
            return True
        known = self._known(instance, pin)
        free = [n for n in pin.function.inputs if n not in known and n != source]
        return all(
            _value(pin, {**known, **rest, source: False})
            == _value(pin, {**known, **rest, source: True})
            for rest in _assignments(free)
        )

    def _known(self, instance: Instance, pin: Pin) -> dict[str, bool]:
        assert pin.function is not None
        return {
            name: self.constants[net]
            for name in pin.function.inputs
            if (net := instance.nets.get(name)) in self.constants
        }

    def _decided(self, instance: Instance, pin: Pin) -> bool | None:
        """The only value that an output can have; None if there are two."""
        if pin.function is None:
            return None
        known = self._known(instance, pin)
        if not known and pin.function.inputs:
            return None
        key = instance.cell.name, pin.name, *sorted(known.items())
        if key not in self._answers:
            free = [name for name in pin.function.inputs if name not in known]
            values = {_value(pin, {**known, **rest}) for rest in _assignments(free)}
            self._answers[key] = values.pop() if len(values) == 1 else None
        return self._answers[key]


def _assignments(names: list[str]) -> list[dict[str, bool]]:
    return [dict(zip(names, row, strict=True)) for row in product((False, True), repeat=len(names))]


def _value(pin: Pin, values: Mapping[str, bool]) -> bool:
    assert pin.function is not None
    words = {name: _ONES if value else np.uint64(0) for name, value in values.items()}
    return bool(pin.function.evaluate(words) & np.uint64(1))
