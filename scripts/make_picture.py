"""Draw scripts/data/overview.svg, the picture of README.md: one description, everything derived.

Usage: python scripts/make_picture.py [--check]. With --check only compare with the stored file.
"""

import sys
from html import escape
from pathlib import Path

STORED = Path(__file__).resolve().parent / "data" / "overview.svg"

WIDTH, HEIGHT = 920, 400
FONT = "font-family='DejaVu Sans, Arial, sans-serif'"

# (x, y, width, height, colour, title, lines)
BOXES = [
    (
        20,
        40,
        190,
        86,
        "#e8eef7",
        "number formats",
        ["fp8_e4m3, bf16, int8,", "ternary, any e{E}m{M} ..."],
    ),
    (
        20,
        216,
        190,
        104,
        "#e8eef7",
        "operator",
        ["one frozen dataclass:", "parameters, ports,", "golden, datapath"],
    ),
    (270, 40, 190, 86, "#e9f4e6", "golden model", ["exact integers on", "NumPy arrays of codes"]),
    (
        270,
        216,
        190,
        104,
        "#fdf0dc",
        "plan",
        ["named steps with delays;", "registers placed for", "a period or a latency"],
    ),
    (520, 40, 180, 86, "#e9f4e6", "verify, prove", ["exhaustive, cocotb,", "SAT, planted faults"]),
    (520, 228, 180, 80, "#fdf0dc", "Verilog", ["with manifest, bench,", "vectors, core file"]),
    (740, 40, 160, 86, "#f3e6f2", "cost and clock", ["estimate beside", "measurement"]),
    (740, 228, 160, 80, "#f3e6f2", "bitstream", ["iCE40, ECP5, Gowin;", "decoded and verified"]),
]

# From and to, as points; the label stands above the middle.
ARROWS = [
    ((115, 126), (115, 216), ""),
    ((210, 83), (270, 83), ""),
    ((210, 236), (270, 110), ""),
    ((210, 268), (270, 268), ""),
    ((460, 83), (520, 83), ""),
    ((460, 268), (520, 268), ""),
    ((610, 228), (610, 126), "must agree"),
    ((690, 228), (765, 126), ""),
    ((700, 268), (740, 268), ""),
    ((820, 228), (820, 126), ""),
]


def picture() -> str:
    """The whole SVG text."""
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' {FONT}>",
        f"<rect width='{WIDTH}' height='{HEIGHT}' fill='white'/>",
        "<defs><marker id='tip' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' "
        "markerHeight='7' orient='auto'><path d='M0 0 L8 4 L0 8 z' fill='#555'/></marker></defs>",
    ]
    for (x1, y1), (x2, y2), label in ARROWS:
        parts.append(
            f"<line x1='{x1}' y1='{y1}' x2='{x2}' y2='{y2}' stroke='#555' stroke-width='1.5' "
            "marker-end='url(#tip)'/>"
        )
        if label:
            x, y = (x1 + x2) // 2 + 8, (y1 + y2) // 2 + 4
            parts.append(f"<text x='{x}' y='{y}' font-size='12' fill='#555'>{escape(label)}</text>")
    for x, y, width, height, colour, title, lines in BOXES:
        parts.append(
            f"<rect x='{x}' y='{y}' width='{width}' height='{height}' rx='6' fill='{colour}' "
            "stroke='#888'/>"
        )
        middle = x + width // 2
        parts.append(
            f"<text x='{middle}' y='{y + 24}' font-size='15' font-weight='bold' "
            f"text-anchor='middle'>{escape(title)}</text>"
        )
        for row, line in enumerate(lines):
            parts.append(
                f"<text x='{middle}' y='{y + 46 + 19 * row}' font-size='13' fill='#333' "
                f"text-anchor='middle'>{escape(line)}</text>"
            )
    parts.append(
        f"<text x='20' y='{HEIGHT - 24}' font-size='13' fill='#555'>A contributor writes one "
        "operator file and one test file; everything to the right is derived, for every operator."
        "</text>"
    )
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> int:
    if "--check" not in sys.argv[1:]:
        STORED.write_text(picture(), encoding="utf-8")
    elif STORED.read_text(encoding="utf-8") != picture():
        print("error: overview.svg must be what scripts/make_picture.py draws", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
