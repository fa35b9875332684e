"""Registers that take values to later cycles, shared by all readers, and the times of all steps."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from amaranth import Module, Mux, Signal, Value

from holigrail_hw.estimate.arrival import TimedStep, slowest_ns
from holigrail_hw.estimate.primitives import DeviceModel, Primitive

from .wire import Wire

__all__ = ["TimedRegisters"]


class TimedRegisters:
    """Statements of a datapath, cycle by cycle, and what the clock must wait for.

    Parameters
    ----------
    device : DeviceModel
        Predicts the delays: promises by its cautious numbers, estimates by its fitted ones.
    names : sequence of str
        Names that no signal may get.
    describes : bool
        Whether what it holds can be written into a module.

    Attributes
    ----------
    latency : int
        Cycles from inputs to outputs.
    steps : list of TimedStep
        What is timed, in the order in which it was made.
    resources : list
        Name, primitive and cycle of everything that is made.
    valid : Signal
        Marks a cycle whose inputs count.
    """

    def __init__(self, device: DeviceModel, names: Sequence[str], describes: bool = True):
        self.device = device
        self._describes = describes
        self._cautious = device.cautious
        self.latency = 0
        self.valid = Signal()
        self.resources: list[tuple[str, Primitive, int]] = []
        self.steps: list[TimedStep] = []
        self._comb: list[Any] = []
        self._sync: list[Any] = []
        self._registers: dict[tuple[int, int], tuple[Any, Any]] = {}
        self._names: dict[str, int] = dict.fromkeys(names, 1)

    def valid_at(self, cycle: int) -> Any:
        """``valid`` of the item that is in the given cycle; cleared by reset."""
        value = self.valid
        for index in range(cycle):
            key = (id(value), -1 - index)
            if key not in self._registers:
                register = Signal(name=self._unique(f"valid_d{index + 1}"))
                self._sync.append(register.eq(value))
                self._registers[key] = register, value
            value = self._registers[key][0]
        return value

    @property
    def promise_ns(self) -> float:
        """Clock period that the schedule was made for, in ns: from the cautious numbers."""
        model = self._cautious
        return model.register_ns + slowest_ns(self.steps, model, self.latency)

    @property
    def estimate_ns(self) -> float:
        """Clock period that place and route will find in the mean, in ns: from fitted numbers."""
        return self.device.register_ns + slowest_ns(self.steps, self.device, self.latency)

    def flip_flops(self) -> int:
        """Registers in bits, before synthesis removes any."""
        return sum(len(Value.cast(statement.lhs)) for statement in self._sync)

    def add_to(self, module: Module, moves: Sequence[Any] | None = None) -> None:
        """Write the datapath into a module; may be called once per plan.

        ``moves`` says for every cycle whether the registers behind it load, for an item that may
        wait on its way; by default all do. A plan with memory of items before cannot wait.
        """
        if not self._describes:
            raise ValueError("a plan made for its figures must not become hardware")
        if moves is not None and len(self._registers) != len(self._sync):
            raise ValueError("a plan with loops must not wait")
        module.d.comb += self._comb
        if moves is None:
            module.d.sync += self._sync
            return
        for (_, cycle), (register, value) in self._registers.items():
            kept, new = Value.cast(register), Value.cast(value)
            module.d.sync += kept.eq(Mux(moves[cycle], new, kept))

    def _assign(self, target: Any, expression: Any) -> None:
        self._comb.append(Value.cast(target).eq(Value.cast(expression)))

    def _timed(self, wire: Wire, primitive: Primitive, ready: list[Wire]) -> Wire:
        """Note what made a wire; ``ready`` are the operands of the same cycle."""
        sources = tuple(operand.step for operand in ready if operand.step is not None)
        self.steps.append(TimedStep(primitive, wire.cycle, sources, wire.width))
        return replace(wire, step=len(self.steps) - 1)

    def _unique(self, name: str) -> str:
        count = self._names.get(name, 0)
        self._names[name] = count + 1
        return name if count == 0 else self._unique(f"{name}_{count + 1}")

    def _at(self, wire: Wire, cycle: int) -> Any:
        """The value in a later cycle, through registers that all its readers share."""
        value = wire.value
        if not isinstance(value, Signal) and not hasattr(value, "as_value"):
            return value
        for index in range(wire.cycle, cycle):
            key = (id(value), index)
            if key not in self._registers:
                base = Value.cast(value).name.removesuffix(f"_d{index}")
                register = Signal.like(
                    value, name=self._unique(f"{base}_d{index + 1}"), reset_less=True
                )
                self._sync.append(Value.cast(register).eq(Value.cast(value)))
                self._registers[key] = register, value
            value = self._registers[key][0]
        return value

    def _snapshot(self):
        return (
            list(self._comb),
            list(self._sync),
            dict(self._registers),
            dict(self._names),
            list(self.steps),
            list(self.resources),
        )

    def _restore(self, snapshot) -> None:
        comb, sync, registers, names, steps, resources = snapshot
        self._comb, self._sync, self._registers = list(comb), list(sync), dict(registers)
        self._names, self.steps, self.resources = dict(names), list(steps), list(resources)
