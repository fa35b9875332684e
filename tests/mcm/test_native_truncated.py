"""The compiled truncated searches against their Python twins."""

import random
import time

import pytest

from holigrail_hw.mcm.graph.adder_graph import odd_targets
from holigrail_hw.mcm.native import library as native_library
from holigrail_hw.mcm.native import truncated as native_truncated
from holigrail_hw.mcm.native.truncated import NativeAnnealing, NativeExhaustion
from holigrail_hw.mcm.single.closure import OutOfTime
from holigrail_hw.mcm.single.forms import Costs, forms
from holigrail_hw.mcm.single.heuristic import greedy_set
from holigrail_hw.mcm.single.selection import cheapest_adders, options_of
from holigrail_hw.mcm.truncation.anneal import Annealing
from holigrail_hw.mcm.truncation.exhaust import Exhaustion

pytestmark = pytest.mark.skipif(
    native_library.load("truncated") is None, reason=str(native_library.why_not("truncated"))
)


def instance(seed, most=4):
    """Forms to start from, all forms of every fundamental, error bounds."""
    draw = random.Random(seed)
    targets = odd_targets([draw.randrange(3, 1 << draw.choice((5, 8, 10))) for _ in range(most)])
    costs = Costs(8)
    options = options_of(greedy_set(targets), costs)
    found = cheapest_adders(options)
    assert found is not None
    choices = {
        w: sorted({(0, f) for o in every for f in forms(o.form.left, o.form.right, w)})
        for w, every in options.items()
    }
    allowed = {t: draw.choice((0, 3, 40, 300)) for t in targets}
    return dict(found[1]), choices, allowed


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("width", "signed"), [(8, True), (5, False), (1, False), (16, True)])
def test_the_same_annealing(seed, width, signed):
    start, bounded, allowed = instance(seed)
    choices = {w: [form for _, form in found] for w, found in bounded.items()}
    draws = [random.Random(seed), random.Random(seed)]
    far = time.monotonic() + 100
    twins = [
        kind(start, choices, allowed, width, signed, draw)
        for kind, draw in zip((Annealing, NativeAnnealing), draws, strict=True)
    ]
    for count in (300, 700):
        for search in twins:
            search.block(count, far)
        assert twins[0].answer == twins[1].answer is not None
    assert draws[0].random() == draws[1].random()


def test_annealing_does_something():
    """The twins might agree on doing nothing."""
    better = 0
    for seed in range(6):
        start, bounded, allowed = instance(seed)
        choices = {w: [form for _, form in found] for w, found in bounded.items()}
        search = NativeAnnealing(start, choices, allowed, 8, True, random.Random(1))
        search.block(2, time.monotonic() + 10)
        first = search.answer
        search.block(20_000, time.monotonic() + 10)
        assert first is not None and search.answer is not None
        better += search.answer[0] < first[0]
    assert better >= 4


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("width", "signed"), [(8, True), (5, False)])
def test_the_same_exhaustion(seed, width, signed):
    _, bounded, allowed = instance(seed, 2)
    found = []
    for kind in (Exhaustion, NativeExhaustion):
        search = kind(
            bounded, allowed, width, signed, best=999, steps=5000, deadline=time.monotonic() + 100
        )
        complete = search.run()
        found.append((complete, search.best, search.answer))
    assert found[0] == found[1]
    assert found[0][2] is not None


def test_few_steps_are_no_proof():
    _, bounded, allowed = instance(3, 3)
    for kind in (Exhaustion, NativeExhaustion):
        search = kind(bounded, allowed, 8, True, best=999, steps=2, deadline=time.monotonic() + 100)
        assert not search.run()


@pytest.mark.parametrize("kind", [Exhaustion, NativeExhaustion])
def test_the_deadline_of_exhaustion(kind):
    _, bounded, allowed = instance(4, 20)
    start = time.monotonic()
    search = kind(bounded, allowed, 8, True, best=999, steps=10**9, deadline=start + 0.2)
    with pytest.raises(OutOfTime):
        search.run()
    assert time.monotonic() - start < 2


def test_wide_numbers_and_no_compiler_use_the_twins(monkeypatch):
    start, bounded, allowed = instance(1)
    choices = {w: [form for _, form in found] for w, found in bounded.items()}
    draw = random.Random(1)
    wide = native_truncated.annealing(start, choices, allowed, 40, True, draw)
    assert type(wide) is Annealing
    assert isinstance(
        native_truncated.annealing(start, choices, allowed, 8, True, draw), NativeAnnealing
    )
    monkeypatch.setattr(native_truncated, "load", lambda name: None)
    assert type(native_truncated.annealing(start, choices, allowed, 8, True, draw)) is Annealing
