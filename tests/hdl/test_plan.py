"""The scheduler: same function at every clock, loops with interleaved sums, resets, refusals."""

import warnings
from dataclasses import replace

import pytest
from amaranth import Module, Mux, signed, unsigned
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from holigrail_hw.estimate.primitives import Adder, Logic, Multiplier, device_model, device_models
from holigrail_hw.hdl.plan.plan import Plan
from holigrail_hw.hdl.plan.schedule import schedule

GENERIC = device_model("generic")
ITEMS = [(3, -4, 5), (-8, -8, 7), (7, 7, -8), (0, 1, -1), (-1, -1, -1), (5, 0, 2), (-3, 6, 1)]


def simulate(plan, items, *, cycles, reset_at=()):
    """Feed one item per cycle; return the value of output z in every cycle."""
    m = Module()
    plan.add_to(m)
    m.d.comb += plan.valid.eq(1)
    running = Signal()
    m.d.sync += running.eq(1)  # a clock domain even for a combinational plan
    reset = Signal()
    top = ResetInserter(reset)(m)
    seen = []

    async def bench(ctx):
        for cycle in range(cycles):
            values = items[cycle] if cycle < len(items) else [0] * len(plan.inputs)
            for signal, value in zip(plan.inputs.values(), values, strict=True):
                ctx.set(signal, value)
            ctx.set(reset, cycle in reset_at)
            await ctx.delay(1e-7)
            seen.append(ctx.get(plan.outputs["z"]))
            await ctx.tick()

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulator.run()
    return seen


def product_plus(plan, a, b, c):
    p = plan.step("p", signed(8), lambda x, y: x * y, a, b, using=Multiplier(4, 4))
    s = plan.step("s", signed(9), lambda x, y: x + y, p, c, using=Adder(9))
    return {"z": plan.step("z", signed(9), lambda x: ~x, s, using=Logic(1, 9))}


def make_product_plus(period_ns=None, latency=0, device=GENERIC):
    ports = {"a": signed(4), "b": signed(4), "c": signed(4)}
    return Plan(
        ports, {"z": signed(9)}, product_plus, device=device, period_ns=period_ns, latency=latency
    )


@pytest.mark.parametrize("period_ns", [None, 100.0, 6.0, 4.0, 3.0, 0.5])
def test_same_function_at_every_period(period_ns):
    plan = make_product_plus(period_ns)
    outputs = simulate(plan, ITEMS, cycles=len(ITEMS) + plan.latency)
    assert outputs[plan.latency :] == [~(a * b + c) for a, b, c in ITEMS]


def test_latency_follows_the_clock():
    assert [make_product_plus(period).latency for period in (None, 100.0, 0.5)] == [0, 0, 2]
    assert make_product_plus(100.0).promise_ns > make_product_plus(0.5).promise_ns


@pytest.mark.parametrize("latency", [0, 1, 2, 5])
def test_a_requested_latency_is_met_exactly(latency):
    plan = schedule(lambda period, cycles: make_product_plus(period, cycles), latency)
    assert plan.latency == latency
    outputs = simulate(plan, ITEMS, cycles=len(ITEMS) + latency)
    assert outputs[latency:] == [~(a * b + c) for a, b, c in ITEMS]


def accumulate(plan, x, clear):
    """A sum whose body takes as many cycles as two adders need."""

    def body(plan, old, x, clear):
        start = plan.step("start", signed(12), lambda o, c: Mux(c, 0, o), old, clear, using=Logic())
        middle = plan.step(
            "middle", signed(12), lambda s, v: s + v, start, x, using=Adder(12), wrap=True
        )
        return plan.step("next", signed(12), lambda s: s + 1, middle, using=Adder(12), wrap=True)

    shifted = plan.step("shifted", signed(8), lambda v: v - 1, x, using=Adder(8))
    return {"z": plan.loop("total", signed(12), body, shifted, clear)}


def make_accumulator(period_ns, datapath=accumulate):
    ports = {"x": signed(7), "clear": unsigned(1)}
    return Plan(ports, {"z": signed(12)}, datapath, device=GENERIC, period_ns=period_ns)


def expected_sums(items, interleave):
    sums, seen = [0] * interleave, []
    for index, (x, clear) in enumerate(items):
        lane = index % interleave
        sums[lane] = (0 if clear else sums[lane]) + x
        seen.append(sums[lane])
    return seen


def accumulate_strobed(plan, x, clear):
    """The same sums for items that count: none counts while both strobes are 0."""

    def body(plan, old, clear, count, x):
        start = plan.step("start", signed(12), lambda o, c: Mux(c, 0, o), old, clear, using=Logic())
        added = plan.step(
            "added", signed(12), lambda s, v: s + v, start, x, using=Adder(12), wrap=True
        )
        return plan.step(
            "next", signed(12), lambda s, a, c: Mux(c, a, s), start, added, count, using=Logic()
        )

    ones = plan.step("ones", 1, lambda c: c | ~c, clear)
    return {"z": plan.loop("total", signed(12), body, clear, ones, x, strobes=2)}


def accumulate_restarted(plan, x, clear):
    """The same sums, emptied after a reset by the strobe that clears."""

    def body(plan, old, clear, count, x):
        added = plan.step(
            "added", signed(12), lambda s, v: s + v, old, x, using=Adder(12), wrap=True
        )
        alone = plan.step("alone", signed(12), lambda v, c: Mux(c, v, 0), x, count, using=Logic())
        kept = plan.step("kept", signed(12), lambda s, a, c: Mux(c, a, s), old, added, count)
        return plan.step("next", signed(12), lambda k, a, c: Mux(c, a, k), kept, alone, clear)

    ones = plan.step("ones", 1, lambda c: c | ~c, clear)
    double = plan.step("double", signed(12), lambda v: v - 1 + 1, x, using=Adder(12), wrap=True)
    options = {"strobes": 2, "restarts": True}
    return {"z": plan.loop("total", signed(12), body, clear, ones, double, **options)}


LONG = [((37 * i) % 128 - 64, i % 11 == 0 and i > 0) for i in range(60)]


@pytest.mark.parametrize("datapath", [accumulate, accumulate_strobed, accumulate_restarted])
@pytest.mark.parametrize("period_ns", [None, 8.0, 4.0, 3.0, 1.5])
def test_loop_interleaves_as_many_sums_as_it_has_cycles(datapath, period_ns):
    plan = make_accumulator(period_ns, datapath)
    outputs = simulate(plan, LONG, cycles=len(LONG) + plan.latency)
    assert outputs[plan.latency :] == expected_sums(LONG, plan.interleave)


def test_loop_gets_longer_with_a_faster_clock():
    lengths = [make_accumulator(period).interleave for period in (None, 4.0, 1.5)]
    assert lengths == [1, 3, 4]


@pytest.mark.parametrize("datapath", [accumulate, accumulate_strobed, accumulate_restarted])
@pytest.mark.parametrize("period_ns", [None, 4.0, 1.5])
@pytest.mark.parametrize("reset_at", [5, 17, 18])
def test_reset_in_mid_stream_leaves_no_trace(datapath, period_ns, reset_at):
    plan = make_accumulator(period_ns, datapath)
    outputs = simulate(plan, LONG, cycles=len(LONG) + plan.latency, reset_at={reset_at})
    after = LONG[reset_at + 1 :]
    # Sums are counted from reset: the first item after it belongs to sum 0 of a fresh set.
    assert outputs[reset_at + 1 + plan.latency :] == expected_sums(after, plan.interleave)


def test_a_step_refuses_a_wider_expression():
    def datapath(plan, a):
        return {"z": plan.step("narrow", unsigned(4), lambda x: x + 1, a, using=Adder(4))}

    with pytest.raises(TypeError, match=r"narrow: unsigned\(5\) does not fit in unsigned\(4\)"):
        Plan({"a": unsigned(4)}, {"z": unsigned(4)}, datapath, device=GENERIC)


def test_a_step_refuses_a_signed_value_in_an_unsigned_shape():
    def datapath(plan, a):
        return {"z": plan.step("z", unsigned(4), lambda x: x, a)}

    with pytest.raises(TypeError, match="does not fit"):
        Plan({"a": signed(4)}, {"z": unsigned(4)}, datapath, device=GENERIC)


def test_every_device_model_predicts():
    for name in device_models():
        assert make_product_plus(5.0, device=device_model(name)).promise_ns > 0


def test_schedules_do_not_follow_what_is_fitted():
    """Steps that are fitted as cheap are estimated as such, and placed as if they were alone."""
    fast = replace(GENERIC, lut_ns=0.01, logic_ns=0.01, carry_start_ns=0.01, sums_overlap=True)
    for period in (None, 6.0, 3.0, 0.5):
        plans = [make_product_plus(period, device=device) for device in (GENERIC, fast)]
        assert len({(plan.latency, plan.promise_ns) for plan in plans}) == 1
        assert plans[1].estimate_ns < plans[0].estimate_ns == plans[0].promise_ns


def test_a_requested_latency_never_interleaves_sums():
    def make(period_ns, latency):
        ports = {"x": signed(7), "clear": unsigned(1)}
        return Plan(
            *(ports, {"z": signed(12)}, accumulate),
            device=GENERIC,
            period_ns=period_ns,
            latency=latency,
        )

    plan = schedule(make, 3)
    assert (plan.latency, plan.interleave) == (3, 1)
    assert make(plan.promise_ns / 2, 0).interleave > 1


def difference(plan, a, b, c):
    """z[n] = (a + b)[n] - (a + b)[n-2], with the sums late if the clock is fast."""
    s = plan.step("s", signed(5), lambda x, y: x + y, a, b, using=Adder(5))
    s = plan.step("same", signed(5), lambda x: x, s, using=Logic(1, 5))
    old = plan.previous("older", plan.previous("old", s))
    return {"z": plan.step("z", signed(9), lambda x, y: x - y, s, old, using=Adder(9))}


@pytest.mark.parametrize("period_ns", [None, 3.0, 0.5])
@pytest.mark.parametrize("reset_at", [(), (3,), (2, 5)])
def test_a_delay_by_one_item_adds_no_latency_and_forgets_at_a_reset(period_ns, reset_at):
    ports = {"a": signed(4), "b": signed(4), "c": signed(4)}
    plan = Plan(ports, {"z": signed(9)}, difference, device=GENERIC, period_ns=period_ns)
    assert plan.interleave == 1
    assert plan.latency == (0 if period_ns is None else 2)
    found = simulate(plan, ITEMS, cycles=len(ITEMS) + plan.latency, reset_at=reset_at)
    history = []
    for cycle, (a, b, _) in enumerate(ITEMS):
        history.append(a + b)
        at = cycle + plan.latency
        # Items in flight when a reset comes are lost; those that follow start afresh.
        if not any(cycle <= reset < at for reset in reset_at):
            assert found[at] == history[-1] - (history[-3] if len(history) > 2 else 0)
        if cycle in reset_at:
            history = []


def test_items_may_wait_on_their_way():
    """Registers behind a cycle keep what they have without its move; sums cannot."""
    ports = {"a": signed(4), "b": signed(4), "c": signed(4)}
    plan = Plan(ports, {"z": signed(9)}, product_plus, device=GENERIC, period_ns=0.5)
    m = Module()
    held = {"x": signed(7), "clear": unsigned(1)}, {"z": signed(12)}, accumulate
    with pytest.raises(ValueError, match="a plan with loops must not wait"):
        Plan(*held, device=GENERIC).add_to(m, [])
    moves = Signal(plan.latency)
    plan.add_to(m, [*moves])
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    found = []

    async def bench(ctx):
        for a, b, c in ITEMS:
            for name, value in zip("abc", (a, b, c), strict=True):
                ctx.set(plan.inputs[name], value)
            # One register after the other, in cycles of their own.
            for cycle in range(plan.latency):
                ctx.set(moves, 1 << cycle)
                await ctx.tick()
            found.append(ctx.get(plan.outputs["z"]))

    simulator.add_testbench(bench)
    simulator.run()
    assert plan.latency > 1
    assert found == [~(a * b + c) for a, b, c in ITEMS]
