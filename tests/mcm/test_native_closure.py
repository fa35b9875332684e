"""The compiled enumeration against its Python twin."""

import random
import time

import pytest

from holigrail_hw.mcm.graph.counting import RULES
from holigrail_hw.mcm.native import closure as native_closure
from holigrail_hw.mcm.native import library as native_library
from holigrail_hw.mcm.native.closure import NativeClosure, enumeration
from holigrail_hw.mcm.single.closure import Closure, OutOfTime
from holigrail_hw.mcm.single.forms import Costs
from holigrail_hw.mcm.single.problem import Problem
from holigrail_hw.mcm.single.relations import members
from holigrail_hw.mcm.single.selection import options_of
from holigrail_hw.mcm.single.solve import solve

needs_compiler = pytest.mark.skipif(
    native_library.load("closure") is None, reason=str(native_library.why_not("closure"))
)

# VINOD03_26B of FIRsuite: 18 adders, five of them for extra factors.
VINOD03_26B = (611, 4999, 2054, 892, 621, 2201, 3067, 2503, 178, 3645, 8139, 12106, 14433)


def drawn(seed, count):
    draw = random.Random(seed)
    for _ in range(count):
        bits = draw.choice((2, 3, 5, 7, 8, 9))
        targets = {draw.randrange(3, 1 << bits, 2) for _ in range(draw.randrange(1, 6))}
        yield sorted(targets), bits


@needs_compiler
@pytest.mark.parametrize("depth", [None, 1, 2, 3, 4])
@pytest.mark.parametrize("idle", [False, True])
def test_the_same_sets_in_the_same_order(depth, idle):
    answers = 0
    for targets, bits in drawn(depth or 7, 40):
        for extra in range(3 if bits < 8 else 2):
            python = Closure(targets, depth=depth)
            compiled = NativeClosure(targets, depth=depth)
            expected = list(python.sets(extra, idle=idle))
            assert list(compiled.sets(extra, idle=idle)) == expected
            answers += len(expected)
    assert answers


@needs_compiler
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("input_width", "signed"), [(1, False), (8, True), (5, False), (64, True)])
def test_only_sets_that_may_cost_less(rule, input_width, signed):
    costs = Costs(input_width, signed, rule)
    kept = dropped = 0
    for targets, _ in drawn(input_width, 15):
        for extra in (0, 1):
            whole = [
                factors
                for common, last in Closure(targets).sets(extra, idle=True)
                for factors in ([[*common, x] for x in members(last)] if last else [common])
            ]
            least = {tuple(f): sum(o[0].cost for o in options_of(f, costs).values()) for f in whole}
            limit = sorted(least.values())[len(least) // 2] if least else 1
            found = set()
            for common, last in NativeClosure(targets).sets(
                extra, idle=True, costs=costs, below=lambda limit=limit: limit
            ):
                found |= {(*common, x) for x in members(last)} if last else {tuple(common)}
            assert found == {f for f, cost in least.items() if not limit or cost < limit}
            kept, dropped = kept + len(found), dropped + len(least) - len(found)
    assert kept and dropped


@needs_compiler
def test_the_deadline_is_obeyed():
    wide = (123457, 234569, 345671, 456789, 98765)
    start = time.monotonic()
    with pytest.raises(OutOfTime):
        list(NativeClosure(wide, deadline=start + 0.3).sets(4))
    assert time.monotonic() - start < 2


@needs_compiler
def test_the_hardest_proved_instance():
    found = solve(Problem(VINOD03_26B), time_limit=60)
    assert found.proved and found.adders == 18


def test_without_a_compiler(monkeypatch):
    monkeypatch.setattr(native_closure, "load", lambda name: None)
    assert type(enumeration((7, 19))) is Closure
    monkeypatch.undo()
    if native_library.load("closure") is not None:
        assert type(enumeration((7, 19))) is NativeClosure
