"""The plan: a datapath written once as named steps, and registers placed to meet a clock.

As-soon-as-possible scheduling with delay-annotated steps, the method of FloPoCo (de Dinechin and
Pasca, 2011) and XLS. A step starts when its operands are ready; if it would end after the clock
edge, it starts in the next cycle, and its operands are registered. Operands that are needed in a
later cycle travel through registers shared by all readers. Without a period the result is
combinational.

A feedback loop (an accumulator) is one construct, :meth:`Plan.loop`. A loop whose body takes *L*
cycles holds *L* independent, interleaved sums: the operands of cycle *t* belong to sum *t* mod *L*.
Memory without feedback (the taps of a filter) is another one, :meth:`Plan.previous`. What is done
several times for one item, by the same hardware, is a third, :meth:`Plan.repeat`; the next item
must then come some cycles later.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from amaranth import Const, Mux, Shape, Signal, Value

from holigrail_hw.estimate.arrival import arrive
from holigrail_hw.estimate.primitives import (
    Arrival,
    DeviceModel,
    Logic,
    Multiplexer,
    Primitive,
    Wiring,
)

from .registers import TimedRegisters
from .wire import Wire

__all__ = ["Plan", "UnevenLoopsError", "Wire"]


class UnevenLoopsError(ValueError):
    """Loops of one plan interleave different numbers of sums."""


class Plan(TimedRegisters):
    """Schedule of one datapath.

    Parameters
    ----------
    inputs, outputs : mapping of str to Amaranth shape
        The ports.
    datapath : callable
        ``datapath(plan, **wires)`` calls :meth:`step` and :meth:`loop` and returns the outputs as
        a mapping of names to wires.
    device : DeviceModel
        Predicts the delays: schedules and promises by its cautious numbers, estimates by its fitted
        ones.
    period_ns : float or None
        The clock period aimed at, in ns; ``None`` for no register except those of loops.
    latency : int
        Least latency: registers are added at the outputs up to this number of cycles.
    arrivals : mapping of str to int
        Inputs that come later than in cycle 0, and in which cycle.
    describes : bool
        Whether expressions are made for the hardware. Without them there are all figures, several
        times as fast, and nothing that could be added to a module.

    Attributes
    ----------
    interleave : int
        How many independent sums a loop holds; 1 without loops.
    interval : int
        Cycles from one item to the next, at least; 1 without repetition.
    promise_ns : float
        The clock period the device model promises for this schedule, in ns.
    steps : list of TimedStep
        What is timed, in the order in which it was made.
    valid : Signal
        Marks a cycle whose inputs count. Loops hold their sum in all other cycles.
    """

    def __init__(
        self,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
        datapath: Callable[..., Mapping[str, Wire]],
        *,
        device: DeviceModel,
        period_ns: float | None = None,
        latency: int = 0,
        arrivals: Mapping[str, int] | None = None,
        describes: bool = True,
    ):
        super().__init__(device, (*inputs, *outputs, "clk", "rst"), describes)
        self.period_ns = period_ns
        self.interleave = 1
        self.interval = 1
        self._loop_lengths: list[int] = []
        self._shortest_loop = 1
        self.inputs = {name: Signal(shape, name=name) for name, shape in inputs.items()}
        self.outputs = {name: Signal(shape, name=name) for name, shape in outputs.items()}
        cycles = arrivals or {}
        wires = {name: Wire(signal, cycles.get(name, 0)) for name, signal in self.inputs.items()}
        results = datapath(self, **wires)
        if set(results) != set(self.outputs):
            raise ValueError(f"datapath must return {sorted(self.outputs)}, not {sorted(results)}")
        self.latency = max([latency, *(wire.cycle for wire in results.values())])
        for name, wire in results.items():
            if wire.width != Value.cast(self.outputs[name]).shape().width:
                raise TypeError(f"output {name}: {wire.shape} is not {self.outputs[name].shape()}")
            self._assign(self.outputs[name], self._at(wire, self.latency))

    def step(
        self,
        name: str,
        shape: Any,
        function: Callable[..., Any],
        *operands: Wire,
        using: Primitive | None = None,
        wrap: bool = False,
        keep: bool = False,
        cycle: int = 0,
    ) -> Wire:
        """One named step of the computation.

        Parameters
        ----------
        name : str
            Name of the signal in the generated Verilog.
        shape : Amaranth shape
            Declared shape of the result.
        function : callable
            Gets the operands' values, all of one cycle, and returns an Amaranth expression.
        using : Primitive
            What the step is made of; :class:`Wiring` (nothing) by default.
        wrap : bool
            Allow an expression wider than ``shape``; its upper bits are dropped.
        keep : bool
            Forbid synthesis to merge this step with others.
        cycle : int
            The first cycle in which the step may be.

        Raises
        ------
        TypeError
            If the expression is wider than ``shape`` and ``wrap`` is not set.
        """
        primitive = Wiring() if using is None else using
        cycle = max([cycle, *(wire.cycle for wire in operands)])
        width = Shape.cast(shape).width
        ready = [wire for wire in operands if wire.cycle == cycle]
        start = max((wire.time_ns for wire in ready), default=0.0)
        model = self._cautious
        arrival = arrive(primitive, model, (wire.arrival for wire in ready), width)
        if self.period_ns is not None and start > 0 and primitive.delay_ns(model) > 0:
            if model.register_ns + arrival.latest > self.period_ns:
                cycle, ready = cycle + 1, []
                arrival = arrive(primitive, model, (), width)
        values = [self._at(wire, cycle) for wire in operands]
        signal = Signal(shape, name=self._unique(name), attrs={"keep": 1} if keep else None)
        if self._describes:
            expression = function(*values)
            found, declared = Value.cast(expression).shape(), Value.cast(signal).shape()
            if not wrap and not _fits(found, declared):
                raise TypeError(f"{name}: {found} does not fit in {declared}; say wrap=True")
            self._assign(signal, expression)
        self.resources.append((name, primitive, cycle))
        return self._timed(Wire(signal, cycle, arrival), primitive, ready)

    def constant(self, value: int, shape: Any) -> Wire:
        """A constant of the given shape, ready at once and in every later cycle."""
        return Wire(Const(value, shape))

    def later(self, wire: Wire, cycle: int) -> Wire:
        """The wire at the start of a cycle, through registers; itself if it is ready no earlier."""
        return wire if wire.cycle >= cycle else Wire(self._at(wire, cycle), cycle)

    def loop(
        self,
        name: str,
        shape: Any,
        body: Callable[..., Wire],
        *operands: Wire,
        init: int = 0,
        strobes: int = 0,
        restarts: bool = False,
    ) -> Wire:
        """A feedback loop: ``state = body(plan, state, *operands)`` once per item.

        The body starts where all operands are ready, in the cycle that makes the loop shortest.
        The returned wire is the updated state, one register after the body. A reset, or an item
        that is not valid, leaves no trace in the state.

        Parameters
        ----------
        strobes : int
            How many of the first operands are single bits without which nothing changes: while
            they are all 0, the body returns the state as it was. An item that is not valid then
            costs one gate for each of them instead of a multiplexer as wide as the state.
        restarts : bool
            The first strobe starts afresh: with it the body ignores the state it gets, and does
            what it would do with ``init``. A reset then needs no gate on the state either.
        """
        first = max(wire.cycle for wire in operands)
        late = any(wire.time_ns > 0 for wire in operands if wire.cycle == first)
        before = self._snapshot()

        def attempt(start: int, state_ns: float) -> tuple[int, Wire]:
            self._restore(before)
            options = (init, strobes, restarts)
            result = self._loop_from(start, state_ns, name, shape, body, operands, *options)
            return result.cycle - start, result

        # Operands that arrive late in their cycle may cost the loop a cycle of its own. A ring of
        # several sums is emptied after a reset, by a gate before the body or by the restart.
        starts = (first, first + 1) if late else (first,)
        for start in starts:
            length, result = attempt(start, 0.0)
            if length == 1:
                break
        else:
            gate_ns = 0.0 if restarts else self._cautious.lut_ns
            start = min(starts, key=lambda start: attempt(start, gate_ns)[0])
            length, result = attempt(start, gate_ns)
        self._loop_lengths.append(length)
        if self.interleave not in (1, length):
            raise UnevenLoopsError(f"loops of {self.interleave} and {length} cycles in one plan")
        self.interleave = length
        return result

    def evenly(self, build: Callable[[], Any]) -> Any:
        """What ``build`` returns, with all its loops as long as the longest of them.

        Sums that wait for each other must be interleaved alike; ``build`` may be called again.
        """
        before, interleave, known = self._snapshot(), self.interleave, len(self._loop_lengths)
        with suppress(UnevenLoopsError):
            result = build()
            if len(set(self._loop_lengths[known:])) < 2:
                return result
        longest = max(self._loop_lengths[known:])
        del self._loop_lengths[known:]
        self._restore(before)
        self.interleave, self._shortest_loop = interleave, longest
        try:
            return build()
        finally:
            self._shortest_loop = 1

    def previous(self, name: str, wire: Wire) -> Wire:
        """What ``wire`` was for the item before, 0 for the first one: a delay by one item.

        Counted in items, not in cycles: an item that is not valid does not count, and a reset
        forgets. The value is there at the start of the cycle in which ``wire`` is computed, so a
        chain of delays and sums, as in filters, adds no latency.
        """
        register = Signal.like(wire.value, name=self._unique(name), init=0)
        value = Value.cast(wire.value)
        kept = Mux(self.valid_at(wire.cycle), value, Value.cast(register))
        self._sync.append(Value.cast(register).eq(kept))
        return Wire(register, wire.cycle)

    def sequence(
        self, name: str, shape: Any, following: Callable[..., Any], using: Primitive, init: int
    ) -> Wire:
        """A state that does not depend on operands: ``init``, then what follows, item by item.

        The wire is the state that belongs to the item in cycle 0. An item that is not valid leaves
        no trace; a reset starts anew.
        """
        state = Signal(shape, name=self._unique(name), init=init)
        value = Value.cast(state)
        kept = Mux(self.valid_at(0), Value.cast(following(state)), value)
        self._sync.append(value.eq(kept))
        self.resources.append((name, using, 0))
        self._timed(Wire(state, 0), using, [])
        return Wire(state, 0)

    def repeat(
        self,
        name: str,
        turn: Callable[..., Sequence[Wire]],
        state: Sequence[Wire],
        kept: Sequence[Wire | None],
        turns: int,
        read: int = 0,
    ) -> tuple[list[Wire], list[Any]]:
        """``state = turn(plan, *state, *kept[:read])``, ``turns`` times for one item.

        One turn takes one cycle, however long its steps are. The state and all that is kept are
        loaded with a valid item, and are there after the last turn for one cycle, if no other item
        came for ``turns`` cycles.

        Returns
        -------
        list of Wire, list of Wire or None
            The state after the last turn, and what was kept, both after ``turns + 1`` cycles.
        """
        wires = [*state, *(wire for wire in kept if wire is not None)]
        first = max(wire.cycle for wire in wires)
        load, registers = self.valid_at(first), []
        for index, wire in enumerate(wires):
            kind = f"{name}_{'state' if index < len(state) else 'kept'}"
            shape = Value.cast(wire.value).shape()
            registers.append(Signal(shape, name=self._unique(kind), reset_less=True))
        begun = [Wire(register, first + 1) for register in registers]
        held = iter(begun[len(state) :])
        operands = [None if wire is None else next(held) for wire in kept]
        # Steps that are too long for the period must not be cut: a turn is one cycle.
        period, self.period_ns = self.period_ns, None
        after = turn(self, *begun[: len(state)], *operands[:read])
        self.period_ns = period
        for register, wire, new in zip(
            registers, wires, [*after, *begun[len(state) :]], strict=True
        ):
            value = Value.cast(self._at(wire, first))
            self._sync.append(register.eq(Mux(load, value, Value.cast(new.value))))
            multiplexer = Multiplexer(wire.width)
            self.resources.append((name, multiplexer, first))
            for source in (wire, new):
                if source.cycle == first or source is new:
                    self._timed(source, Logic(), [source])
        self.interval = max(self.interval, turns + 1)
        last = first + turns + 1
        results = [Wire(register, last) for register in registers]
        held = iter(results[len(state) :])
        return results[: len(state)], [None if wire is None else next(held) for wire in kept]

    def _loop_from(
        self, first, state_ns, name, shape, body, operands, init, strobes, restarts
    ) -> Wire:
        """Schedule the body with the state ready ``state_ns`` into cycle ``first``."""
        state = Signal(shape, name=self._unique(name), init=init)
        aligned = [
            wire if wire.cycle == first else Wire(self._at(wire, first), first) for wire in operands
        ]
        primed = Signal(name=self._unique(f"{name}_primed"))
        counts = Signal(name=self._unique(f"{name}_counts"))
        for index in range(strobes):
            empty = ~primed if restarts and index == 0 else Const(0, 1)
            aligned[index] = self.step(
                f"{name}_strobe",
                1,
                lambda strobe, empty=empty: (strobe & counts) | empty,
                aligned[index],
                using=Logic(),
            )
        old = Signal(shape, name=self._unique(f"{name}_old"))
        begun = Wire(old, first, Arrival(state_ns, state_ns))
        if state_ns:
            begun = self._timed(begun, Logic(), [])
        result = body(self, begun, *aligned)
        last = first + self._shortest_loop - 1
        if result.cycle < last:
            result = Wire(self._at(result, last), last)
        length = result.cycle + 1 - first
        if length == 1:
            # One register with a reset: its clock enable holds the state at no cost.
            self._comb += [primed.eq(1), counts.eq(1)]
        else:
            # After a reset the ring still holds old sums: ignore them for one turn.
            turn = Signal(length, name=self._unique(f"{name}_turn"))
            self._sync.append(turn.eq((turn << 1) | 1))
            self._comb += [primed.eq(turn[-1]), counts.eq(self.valid_at(first))]
        if length == 1 or restarts:
            self._assign(old, state)
        else:
            self._assign(old, Mux(primed, Value.cast(state), init))
            self.resources.append((f"{name}_old", Multiplexer(len(Value.cast(old))), first))
        updated = Value.cast(result.value)
        if length == 1 or not strobes:
            held = Value.cast(self._at(Wire(old, first), result.cycle))
            updated = Mux(self.valid_at(result.cycle), updated, held)
        if length > 1 and not strobes:
            self._timed(result, Logic(), [result])
        self._sync.append(Value.cast(state).eq(updated))
        return Wire(state, result.cycle + 1)


def _fits(found: Shape, declared: Shape) -> bool:
    if found.signed == declared.signed:
        return found.width <= declared.width
    if found.signed:
        return False
    return found.width < declared.width
