"""A router that turns in a circle is stopped by the arcs it has routed, and the other one tried.

One that gets further from its end is stopped by its conflicts; of several seeds the first that is
fast enough counts, or the fastest.
"""

import json
import stat

import pytest

from holigrail_hw.core.errors import DesignError
from holigrail_hw.flow.synth.place import place_and_route, place_until_met

# Writes a report if it is told to use the second router, else routes the same arcs for ever.
_STAND_IN = """#!/bin/sh
[ "$1" = --version ] && exit 0
echo "Info: Routing 10 arcs."
case "$*" in *router2*) fine=$GOOD;; *) fine=no;; esac
if [ "$fine" = yes ]; then
    echo '{"fmax": {"clk": {"achieved": 123.0}}}' > nextpnr.json
    exit 0
fi
while :; do
    n=$((n + 50000))
    echo "Info:    $n |   $n        132 | 1000     0 |        98|       0.05      54.33|"
done
"""


def _place(folder, monkeypatch, *, good, options=()):
    program = folder / "nextpnr"
    program.write_text(_STAND_IN)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("NEXTPNR_ICE40", str(program))
    monkeypatch.setenv("GOOD", good)
    (folder / "t.json").write_text(json.dumps({"modules": {"t": {"cells": {}}}}))
    lines = []
    placed = place_and_route(
        ("nextpnr-ice40", "--json", "t.json", "--top", "t", *options),
        who="synth",
        what="hx8k",
        frequency=50,
        seed=1,
        folder=folder,
        log=folder / "nextpnr.log",
        progress=lines.append,
    )
    return placed, lines


def test_the_other_router_takes_over(tmp_path, monkeypatch):
    placed, lines = _place(tmp_path, monkeypatch, good="yes")
    assert placed.fmax_mhz == 123.0
    assert "nextpnr-ice40: the router turns in a circle, the other one takes over" in lines
    # 100 000 and 50 for each of the ten arcs are allowed.
    assert lines[-3].startswith("nextpnr-ice40: Info:    150000 ")


@pytest.mark.parametrize("options", [(), ("--router", "router2")])
def test_a_circle_of_both_routers_is_an_error(tmp_path, monkeypatch, options):
    with pytest.raises(DesignError) as caught:
        _place(tmp_path, monkeypatch, good="no", options=options)
    assert str(caught.value) == (
        "synth: the router must come to an end, not route 150000 arcs and go on"
    )
    assert (
        caught.value.hint
        == "try another --seed or more --seeds, a longer --period or a larger device"
    )


# Writes the seed into its result and takes a clock of the list; of 0 MHz the router diverges.
_OF_SEEDS = """#!/bin/sh
[ "$1" = --version ] && exit 0
while [ $# -gt 0 ]; do
    case "$1" in
        --seed) seed=$2;; --asc) output=$2;; --report) report=$2;;
    esac
    shift
done
clock=$(echo $CLOCKS | cut -d" " -f$seed)
n=0; conflicts=500
while [ $clock = 0 ]; do
    n=$((n + 1))
    [ $n -lt 20 ] && conflicts=$((conflicts - 10)) || conflicts=$((conflicts + 30))
    echo "Info:     iter=$n wires=9000 overused=$conflicts overuse=9999 archfail=NA"
done
echo $seed > $output
echo "{\\"fmax\\": {\\"clk\\": {\\"achieved\\": $clock}}}" > $report
"""


@pytest.fixture
def of_seeds(tmp_path, monkeypatch):
    """Place with seeds 1, 2 and 3, which reach these clocks; the result and the lines said."""
    program = tmp_path / "nextpnr"
    program.write_text(_OF_SEEDS)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("NEXTPNR_ICE40", str(program))
    (tmp_path / "t.json").write_text(json.dumps({"modules": {"t": {"cells": {}}}}))

    def place(clocks):
        monkeypatch.setenv("CLOCKS", clocks)
        lines = []
        arguments = ("--json", "t.json", "--top", "t", "--router", "router2", "--asc", "t.asc")
        placed = place_until_met(
            ("nextpnr-ice40", *arguments),
            **{"who": "build", "what": "hx8k", "frequency": 80, "needed": 75},
            **{"seeds": (1, 2, 3), "output": tmp_path / "t.asc", "folder": tmp_path},
            log=tmp_path / "nextpnr.log",
            progress=lines.append,
        )
        said = [line for line in lines if line.startswith("seed ")]
        assert not (tmp_path / "t.asc.best").exists()
        return placed.fmax_mhz, (tmp_path / "t.asc").read_text().strip(), placed.log.name, said

    return place


def test_the_first_seed_that_meets_the_clock_is_taken(of_seeds):
    told = "seed 1: 70.5 MHz; 75 MHz are needed, so seed 2"
    assert of_seeds("70.5 76 99") == (76, "2", "nextpnr_seed2.log", [told])
    assert of_seeds("75 76 99") == (75, "1", "nextpnr.log", [])


def test_the_fastest_seed_counts_if_none_meets_the_clock(of_seeds):
    fmax, seed, log, said = of_seeds("61 72 60.25")
    assert (fmax, seed, log, len(said)) == (72, "2", "nextpnr_seed2.log", 2)


def test_a_router_that_gets_further_from_its_end_is_stopped(of_seeds):
    fmax, seed, _, said = of_seeds("0 72 0")
    assert (fmax, seed) == (72, "2")
    assert said[0] == "seed 1: the router comes to no end; 75 MHz are needed, so seed 2"


def test_no_router_that_ends_is_an_error(of_seeds):
    with pytest.raises(DesignError) as caught:
        of_seeds("0 0 0")
    # The best round, the 19th, had 310; the 45th is more than 25 later and has too many.
    assert str(caught.value) == (
        "build: the router must come to an end, not have 1090 wires in conflict in round 45 and 310"
        " in round 19"
    )
