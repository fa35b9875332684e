"""Units in Amaranth's simulator: values equal golden, beats come in the predicted cycles."""

import numpy as np
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

__all__ = ["check", "measured", "predicted"]


def predicted(flow, frames, arrivals=None):
    """Cycles of acceptance of every input, and of emission, if nobody waits at the output."""
    sides = flow.inputs
    starts, accepted = [], [[] for _ in sides]
    totals = [side.tokens * frames for side in sides]
    outputs = flow.outputs * frames

    def count(values, tokens, n):
        return int(values[n % flow.outputs]) + n // flow.outputs * tokens

    def room(index, m):
        """The cycle from which there is room for beat m; none yet if an output must start first."""
        side = sides[index]
        if m < side.capacity or not side.capacity:
            return 0
        n = room.places[index]
        while count(side.free, side.tokens, n) < m + 1 - side.capacity:
            n += 1
            if n >= outputs:
                return None
        room.places[index] = n
        return starts[n] + 1 if n < len(starts) else None

    room.places = [0] * len(sides)

    def accept(index):
        done, side = accepted[index], sides[index]
        m = len(done)
        if m >= totals[index]:
            return False
        free = room(index, m)
        if free is None:
            return False
        offered = arrivals[index][m] if arrivals else 0
        done.append(max(done[-1] + side.pace if done else 0, offered, free))
        return True

    def taken_late():
        """Beats of sides that keep none are taken when the output that needs them starts."""
        for own, side in zip(accepted, sides, strict=True):
            if not side.capacity:
                own[:] = []
                for n, start in enumerate(starts):
                    own += [start] * (count(side.need, side.tokens, n) - len(own))

    moved = True
    while moved:
        moved = False
        for index in range(len(sides)):
            while accept(index):
                moved = True
        while len(starts) < outputs:
            n = len(starts)
            wanted = [count(side.need, side.tokens, n) for side in sides]
            if any(w > len(a) for w, a in zip(wanted, accepted, strict=True)):
                break
            begin = starts[-1] + flow.gap if starts else 0
            begin = max([begin, *(a[w - 1] for w, a in zip(wanted, accepted, strict=True) if w)])
            starts.append(begin)
            moved = True
    taken_late()
    return accepted, [start + flow.latency for start in starts]


def measured(component, inputs, outputs, offers=None, accepts=None, limit=60_000, spoilt=0):
    """Run a component until ``outputs`` beats came from each of its outputs.

    Before, it is fed with the same beats for ``spoilt`` cycles, and reset.

    Returns the beats of every output, and cycles of acceptance and emission.
    """
    names = sorted(n for n in component.signature.members if n.startswith("i"))
    results = sorted(n for n in component.signature.members if n.startswith("o"))
    got = {name: [] for name in results}
    taken, left = {name: [] for name in names}, {name: [] for name in results}
    reset = Signal()
    simulator = Simulator(ResetInserter(reset)(component) if spoilt else component)
    simulator.add_clock(1e-6)

    async def bench(ctx):
        at = dict.fromkeys(names, 0)
        for cycle in range(-spoilt, limit):
            if spoilt:
                ctx.set(reset, cycle == -1)
            if not cycle:
                for kept in (taken, left, got):
                    for values in kept.values():
                        values.clear()
                at = dict.fromkeys(names, 0)
            for k, name in enumerate(names):
                port = getattr(component, name)
                more = at[name] < len(inputs[k])
                offered = more and (offers is None or offers(k, cycle, at[name]))
                ctx.set(port.valid, int(offered))
                if offered:
                    for lane, value in enumerate(inputs[k][at[name]]):
                        ctx.set(port.payload.data[lane], int(value))
            for k, name in enumerate(results):
                ctx.set(getattr(component, name).ready, int(accepts is None or accepts(k, cycle)))
            for name in names:
                port = getattr(component, name)
                if ctx.get(port.valid) and ctx.get(port.ready):
                    taken[name].append(cycle)
                    at[name] += 1
            for name in results:
                port = getattr(component, name)
                if ctx.get(port.valid) and ctx.get(port.ready):
                    left[name].append(cycle)
                    got[name].append([ctx.get(lane) for lane in port.payload.data])
            if cycle >= 0 and all(len(got[name]) >= outputs for name in results):
                return
            await ctx.tick()
        raise AssertionError(f"{limit} cycles, and only {[len(v) for v in got.values()]} beats")

    simulator.add_testbench(bench)
    simulator.run()
    return (
        [np.array(got[n]) for n in results],
        [taken[n] for n in names],
        [left[n] for n in results],
    )


def check(unit, frames=3, seed=0, stalls=True):
    """Gap-free frames in the predicted cycles, the same if they come late, and all under stalls."""
    rng = np.random.default_rng(seed)
    flow = unit.flow()
    ranges = unit.inputs if hasattr(unit, "inputs") else (unit.input,)
    lanes = unit.lanes_in if isinstance(unit.lanes_in, tuple) else (unit.lanes_in,)
    data = [
        rng.integers(r.low, r.high + 1, (frames, side.tokens * n))
        for r, n, side in zip(ranges, lanes, flow.inputs, strict=True)
    ]
    wanted = unit.apply(*data)
    assert wanted.shape == (frames, flow.outputs * unit.lanes_out), (wanted.shape, flow.outputs)
    assert unit.output.low <= wanted.min() and wanted.max() <= unit.output.high
    wanted = wanted.reshape(-1, unit.lanes_out)
    inputs = [a.reshape(-1, n) for a, n in zip(data, lanes, strict=True)]
    # Some pauses are long enough for all that is under way to come to its end.
    pauses = [0, 1, 1, 1, 2, 3, 17]
    beats = [np.cumsum(rng.choice(pauses, len(a))).tolist() for a in inputs]
    for arrivals in (None, beats):
        offers = None if arrivals is None else lambda k, cycle, m, a=arrivals: cycle >= a[k][m]
        got, taken, left = measured(unit.component(), inputs, len(wanted), offers)
        accepted, emitted = predicted(flow, frames, arrivals)
        for values in got:
            assert np.array_equal(values, wanted)
        for cycles in left:
            assert cycles == emitted, (cycles[:20], emitted[:20])
        for own, cycles in zip(accepted, taken, strict=True):
            assert cycles == own[: len(cycles)], (cycles[:20], own[:20])
    if stalls:
        coins = rng.random((64, 8)) < 0.5
        offers = lambda k, cycle, m: coins[(cycle * 7 + k) % 64, 0]  # noqa: E731
        accepts = lambda k, cycle: coins[(cycle * 5 + 3 * k) % 64, 1]  # noqa: E731
        got, _, _ = measured(unit.component(), inputs, len(wanted), offers, accepts)
        for values in got:
            assert np.array_equal(values, wanted)
