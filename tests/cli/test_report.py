"""The report page: what comes first, what is folded away, and that nothing of Python shows."""

import re
from html.parser import HTMLParser

import pytest

from holigrail_hw.core import Clock
from holigrail_hw.flow.explore.report_words import headline, in_words
from holigrail_hw.formats import Rounding, parse

# Notation of Python that no reader should meet.
LEAKS = re.compile(r"\w\(\w+=|\b(None|True|False)\b|\b(dict|Format|array)\(|<\w+[. ]|``|:class:")
VOID = {"meta", "br", "hr", "img"}

DESIGNS = {
    "mac": "mac --a int4 --b int4 --accumulator int16 --period 5",
    "fma": "fma --a fp8_e4m3 --b fp8_e4m3 --c fp8_e4m3 --result fp8_e4m3",
    "mcm": "mcm --constants=7,-19,31,0 --metric one-bit-adders --error=20",
    "cmvm": "cmvm --matrix=1,2;-3,5",
    "gemm": "gemm --rows 2 --columns 2 --m 3 --k 3 --n 3",
    "systolic-array": "systolic-array --rows 2 --columns 2 --guard",
}


class Page(HTMLParser):
    """Text with the elements around it, in order."""

    def __init__(self, text: str):
        super().__init__()
        self.pieces: list[tuple[tuple[str, ...], str]] = []
        self.tags: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.pieces.append((tuple(self._open), data.strip()))

    def words(self) -> str:
        """What a reader sees, without pictures and JSON."""
        return "\n".join(
            text
            for around, text in self.pieces
            if not {"style", "svg"} & {*around} and not text.startswith("{")
        )


@pytest.mark.parametrize("words", DESIGNS.values(), ids=DESIGNS)
def test_what_a_reader_sees(words, holigrail, tmp_path, monkeypatch):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path / "cache"))
    assert holigrail("report", *words.split(), "-o", "here").status == 0
    text = (tmp_path / "here/report.html").read_text()
    page = Page(text)
    said = page.words()
    assert [found[0] for found in LEAKS.finditer(said)] == []
    assert not re.search(r"https?://|<script|<link|src=|@import|url\((?!#)", text)
    titles = [piece for around, piece in page.pieces if around[-1] in ("h2", "th")]
    first = [titles.index(name) for name in ("cost", "clock", "error", "verdict")]
    assert first == sorted(first) and first[0] == 0
    order = [titles.index(name) for name in ("Parameters", "Ports", "Cost", "How this was made")]
    assert order == sorted(order) and first[-1] < order[0]
    if "svg" in page.tags:
        assert text.index("verdict") < text.index("<svg") < text.index("<h2>Parameters")
    manifest = [around for around, piece in page.pieces if piece.startswith("{")]
    assert len(manifest) == 1 and "details" in manifest[0]


def test_values_of_parameters_in_words(holigrail, tmp_path):
    words = "systolic-array --rows 2 --columns 2 --guard --accumulator int24".split()
    assert holigrail("report", *words, "-o", "here").status == 0
    said = Page((tmp_path / "here/report.html").read_text()).words()
    assert re.search(r"elements rest where a factor is zero.*\nyes\nguard\n", said)
    assert re.search(r"format of an activation\nint8\nactivation\n", said)
    assert re.search(r"its K\nnot given\nk\n", said)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (False, "no"),
        (None, "not given"),
        (Rounding.NEAREST_EVEN, "nearest_even"),
        (parse("sfix8_en4"), "sfix8_en4"),
        ((7, -19), "7, -19"),
        (((1, 2), (3, 4)), "1, 2; 3, 4"),
        ((None, 3), "not given, 3"),
        ((), "none"),
    ],
)
def test_in_words(value, text):
    assert in_words(value) == text


ABOUT = {"cost": {"luts": 5, "flip_flops": 6, "dsps": 0, "memory_bits": 0}, "facts": {}}


def _headline(clock, measured=None, verified=None, facts=None):
    about = ABOUT | {"facts": facts or {}}
    rows = headline(about, clock, {"latency": 1}, measured, verified)
    return {row["name"]: (row["text"], row["bad"]) for row in rows}


def test_headline_of_an_estimate():
    found = _headline(Clock("x", "generic", 5.0, 4.0), facts={"error bound": 20, "adders": 3})
    assert found == {
        "cost": ("5 LUTs, 6 flip-flops, 0 DSP blocks, 0 memory bits (estimate)", False),
        "clock": (
            "250.0 MHz promised by the device model generic; 200.0 MHz asked for",
            False,
        ),
        "latency": ("1 cycle", False),
        "error": ("error bound 20", False),
        "verdict": ("not verified for this report", False),
    }


def test_headline_of_a_measurement():
    """A promise that place and route did not keep is bad, and so is the verdict."""
    measured = {
        "device": "ice40hx8k",
        "fmax_mhz": [151.0, 180.5],
        "failures": ["the clock is too slow"],
        "comparison": [
            {"quantity": "LUTs", "unit": "", "measured": 7},
            {"quantity": "carry cells", "unit": "", "measured": None},
            {"quantity": "Fmax", "unit": "MHz", "measured": 180.5},
        ],
    }
    found = _headline(Clock("x", "ice40hx", 5.0, 4.0), measured, {"vectors": 12})
    assert found["cost"] == ("7 LUTs (measured on ice40hx8k)", False)
    assert found["clock"] == (
        "180.5 MHz measured; 250.0 MHz promised by the device model ice40hx; 200.0 MHz asked for,"
        " not met",
        True,
    )
    assert found["verdict"] == (
        "failed: the clock is too slow; verified: 12 results equal the golden model",
        True,
    )


def test_headline_without_a_model():
    assert _headline(Clock("x", "generic", None, None))["clock"] == ("not modelled", False)
