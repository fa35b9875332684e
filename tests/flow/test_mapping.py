"""What Yosys is told before a design is mapped."""

from types import SimpleNamespace

import pytest

from holigrail_hw.flow.synth import mapping
from holigrail_hw.flow.synth.devices import target


class Stopped(Exception):
    """Instead of running Yosys."""


@pytest.mark.parametrize("device", ["ecp5", "up5k"])
def test_abc_maps_and_does_not_prove(device, tmp_path, monkeypatch):
    """Its SAT solver does not end on deep networks; see the constant."""

    def stop(*given, **more):
        raise Stopped

    monkeypatch.setattr(mapping, "run_tool", stop)
    found = {"yosys": SimpleNamespace(command=())}
    monkeypatch.setattr(mapping.tools, "require", lambda *names, who: found)
    places = {"netlist": tmp_path / "top.json", "log": tmp_path / "log"}
    with pytest.raises(Stopped):
        mapping.map_design(
            ["read_rtlil top.il"], "top", target(device), dsp=False, pads=True, who="it", **places
        )
    lines = (tmp_path / "top.ys").read_text().splitlines()
    assert lines[:2] == ["scratchpad -set abc9.verify 0", "read_rtlil top.il"]
