"""A router that turns in a circle is stopped by the arcs it has routed, and the other one tried."""

import json
import stat

import pytest

from holigrail_hw.core.errors import DesignError
from holigrail_hw.flow.synth.place import place_and_route

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
    assert caught.value.hint == "try another --seeds, a longer --period or a larger device"
