"""Equal parts of a design are one module: fewer modules, the same circuit."""

import re

import pytest

from holigrail_hw.arrays.systolic_array.operator import DATAFLOWS, SystolicArray
from holigrail_hw.core import Timing
from holigrail_hw.flow.emit import verilog as emit_verilog
from holigrail_hw.flow.simulate.host_link import streamed
from holigrail_hw.flow.simulate.link_shell import LinkTop
from holigrail_hw.flow.top import Top


def modules(text: str) -> list[str]:
    return re.findall(r"^module (\w+)", text, re.M)


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_columns_add_no_module(dataflow):
    tops = [Top(SystolicArray(rows=3, columns=columns, dataflow=dataflow)) for columns in (3, 6)]
    texts = [emit_verilog.verilog(top) for top in tops]
    few, many = (modules(text) for text in texts)
    assert len(few) == len(many) <= 13
    elements = [name for name in many if "_element" in name]
    assert elements and all(name.startswith(tops[1].name) for name in many)
    counts = [
        len(re.findall(rf"^  {name} element_\d+_\d+ \(", texts[1], re.M)) for name in elements
    ]
    assert sum(counts) == 18 and all(counts)


def test_arrays_that_differ_share_nothing():
    """A design of two arrays: the second one's elements are others."""
    texts = [
        emit_verilog.verilog(Top(SystolicArray(rows=2, columns=2), Timing(period_ns=period)))
        for period in (None, 4.0)
    ]
    bodies = [re.findall(r"^module \w+_element_1\(.*?^endmodule", t, re.M | re.S) for t in texts]
    assert all(len(body) == 1 for body in bodies)
    assert bodies[0][0].count("reg ") < bodies[1][0].count("reg ")


def test_nothing_is_shared_where_a_reset_is_inserted():
    """The host link resets an engine by an inserted reset, which an instance would not see."""
    spec, timing = SystolicArray(rows=2, columns=2), Timing()
    linked = LinkTop(spec, streamed(spec, timing))
    assert len(re.findall(r"^module .*\.element_\d_\d$", linked.rtlil, re.M)) == 4
    assert not re.search(r"^module .*\.element_\d(_last)?$", linked.rtlil, re.M)
    assert re.search(r"^module .*\.element_\d(_last)?$", Top(spec).rtlil, re.M)
