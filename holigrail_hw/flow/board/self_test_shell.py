# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false
# pyright: reportOptionalMemberAccess=false, reportReturnType=false

"""The hardware of the self-test shell; :mod:`.self_test` says what it computes."""

from functools import reduce
from operator import xor
from typing import Any

from amaranth import Cat, Const, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing
from holigrail_hw.hdl.stream.uart import UartReceiver, UartTransmitter

from . import self_test

__all__ = ["SelfTestShell"]


class SelfTestShell(wiring.Component):
    """Serial command in, items through the operator, signature out.

    Members
    -------
    rx : In(1), serial line from the host
    tx : Out(1), serial line to the host
    """

    def __init__(self, spec: OperatorSpec, timing: Timing, divisor: int):
        self._spec, self._divisor = spec, divisor
        self._operator = spec.component(timing)
        self.latency = self._operator.latency
        self.interleave = self._operator.interleave
        super().__init__({"rx": In(1), "tx": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(self._divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(self._divisor)
        m.d.comb += [receiver.line.eq(self.rx), self.tx.eq(transmitter.line)]

        # Between runs the operator is in reset, so that every run starts from the same state.
        clear = Signal()
        m.submodules.operator = operator = ResetInserter(clear)(self._operator)

        complete = Signal()
        start = Signal()
        seed, count = self._command(m, receiver, complete)

        to_issue = Signal(32)
        to_collect = Signal(32)
        state = Signal(32)
        issued = operator.i.valid & operator.i.ready
        collected = operator.o.valid & operator.o.ready
        m.d.comb += [operator.i.valid.eq(to_issue != 0), operator.o.ready.eq(1)]
        operands = self._generator(m, start, seed, issued)
        low = 0
        for name, format in self._spec.inputs().items():
            field = Value.cast(operator.i.payload[name])
            m.d.comb += field.eq(operands[low : low + format.width])
            low += format.width
        outputs = Cat(Value.cast(operator.o.payload[name]) for name in self._spec.outputs())

        reply = Signal(8 * self_test.ANSWER_BYTES)
        bytes_left = Signal(range(self_test.ANSWER_BYTES + 1))
        m.d.comb += [transmitter.i.valid.eq(bytes_left != 0), transmitter.i.payload.eq(reply[:8])]
        with m.If(transmitter.i.valid & transmitter.i.ready):
            m.d.sync += [reply.eq(reply >> 8), bytes_left.eq(bytes_left - 1)]

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [clear.eq(1), start.eq(complete)]
                with m.If(start):
                    m.d.sync += [to_issue.eq(count), to_collect.eq(count), state.eq(0xFFFFFFFF)]
                    m.next = "RUN"
            with m.State("RUN"):
                with m.If(issued):
                    m.d.sync += to_issue.eq(to_issue - 1)
                with m.If(collected):
                    m.d.sync += [to_collect.eq(to_collect - 1), state.eq(_step(state, outputs))]
                with m.If(to_collect == 0):
                    name = Const(self_test.identity(self._spec), 32)
                    m.d.sync += [
                        reply.eq(Cat(Const(ord("R"), 8), state, name)),
                        bytes_left.eq(self_test.ANSWER_BYTES),
                    ]
                    m.next = "REPLY"
            with m.State("REPLY"):
                with m.If(bytes_left == 0):
                    m.next = "IDLE"
        return m

    def _command(self, m: Module, receiver: UartReceiver, complete: Signal) -> tuple[Value, Value]:
        """Seed and number of items of a command, once it is ``complete``, for one cycle.

        A byte that is not a command's first one is dropped.
        """
        received = Signal(8 * 9)
        taken = Signal(range(10))
        m.d.comb += complete.eq(taken == 9)
        with m.If(complete):
            m.d.sync += taken.eq(0)
        with m.Elif(receiver.o.valid & ((taken != 0) | (receiver.o.payload == ord("T")))):
            m.d.sync += [
                received.eq(Cat(received[8:], receiver.o.payload)),
                taken.eq(taken + 1),
            ]
        return received[8:40], received[40:72]

    def _generator(self, m: Module, start: Signal, seed: Value, advance: Value) -> Value:
        """The xorshift lanes; their concatenation."""
        total = sum(format.width for format in self._spec.inputs().values())
        lanes = []
        for lane in range(-(-total // 32)):
            value = Signal(32, name=f"lane_{lane}", init=1)
            first = Signal(32, name=f"lane_{lane}_first")
            second = Signal(32, name=f"lane_{lane}_second")
            m.d.comb += [
                first.eq(value ^ Cat(Const(0, 13), value[:19])),
                second.eq(first ^ first[17:]),
            ]
            begin = Const(lane * 0x9E3779B9 & 0xFFFFFFFF, 32)
            with m.If(start):
                m.d.sync += value.eq((seed ^ begin) | 1)
            with m.Elif(advance):
                m.d.sync += value.eq(second ^ Cat(Const(0, 5), second[:27]))
            lanes.append(value)
        return Cat(*lanes)


def _step(state: Signal, outputs: Value) -> Value:
    """The signature register after one more result."""
    words = []
    for lane in range(-(-len(outputs) // 32)):
        word = Cat(outputs[32 * lane : 32 * lane + 32], Const(0, 32))[:32]
        words.append(word.rotate_left(7 * lane % 32))
    feedback = Mux(state[31], Const(0x04C11DB7, 32), Const(0, 32))
    return reduce(xor, words, Cat(Const(0, 1), state[:31]) ^ feedback)
