"""What a unit does in each of its modes, as a table."""

from holigrail_hw.core.views import Table

from .packing import Bits
from .shape import ScalableMacShape
from .structures import Mode

__all__ = ["mode_facts", "mode_table"]

_SHOWN = 4


def mode_table(spec: ScalableMacShape) -> Table:
    """Products and sums by mode, and where their bits lie in the words at the ports."""
    serial = bool(spec.kind.serial)
    header = ("mode", "code", "products per cycle", "cycles per product", "sums", "place of a sum")
    rows = []
    for code, mode in enumerate(spec.mode_list):
        rate = spec.kind.rate(spec.width, spec.digit, mode) * spec.lanes
        steps = spec.kind.steps(spec.digit, mode)
        where = _serial_words(spec, mode) if serial else _words(spec, code)
        shown = None if serial else code
        rows.append((str(mode), shown, str(rate), steps, *where))
    caption = (
        "K products take ceil(K / lanes) * cycles per product; the mode is how many steps the"
        " items of a sum are."
        if serial
        else "Bits are places in the words at the ports, elements from the first on. A sum begins"
        " so many bits above the lowest of its place."
    )
    return Table("modes", (*header, "begins at", "activations", "weights"), tuple(rows), caption)


def mode_facts(spec: ScalableMacShape) -> dict[str, str]:
    """The same in words, a line for each mode."""
    found = {}
    for row in mode_table(spec).rows:
        name, code, rate, steps, sums, place, start, activations, weights = map(str, row)
        if spec.kind.serial:
            text = f"products per cycle: {rate}; {activations}, {weights}; {steps} cycles a product"
        else:
            text = (
                f"code {code}, products per cycle: {rate}; activations {_brief(activations)};"
                f" weights {_brief(weights)}; {sums} sum{'s' * (sums != '1')} in {_brief(place)},"
                f" from bit {start} of it"
            )
        found[f"mode {name}"] = text
    return found


def _brief(places: str) -> str:
    """The first of many places, and the last."""
    every = places.split(", ")
    return places if len(every) <= _SHOWN else f"{', '.join(every[:2])} ... {every[-1]}"


def _words(spec: ScalableMacShape, code: int) -> tuple[int, str, int, str, str]:
    found = spec.packings[code]
    return (
        len(found.sums),
        _places(found.sums),
        found.shift,
        _places(found.activations),
        _places(found.weights),
    )


def _serial_words(spec: ScalableMacShape, mode: Mode) -> tuple[int, str, int, str, str]:
    digits = -(-mode.weight // spec.digit)
    activations = f"{spec.width} bits"
    if spec.kind.serial == 2:
        activations = f"{-(-mode.activation // spec.digit)} digits of {spec.digit}"
    return 1, f"{spec.result_width - 1}:0", 0, activations, f"{digits} digits of {spec.digit}"


def _places(elements: tuple[Bits, ...]) -> str:
    """Ranges of bits; an element in pieces is joined by plus signs, its highest piece first."""
    return ", ".join("+".join(reversed(_ranges(bits))) for bits in elements)


def _ranges(bits: Bits) -> list[str]:
    starts = [i for i, bit in enumerate(bits) if i == 0 or bits[i - 1] + 1 != bit]
    ends = [*starts[1:], len(bits)]
    return [f"{bits[j - 1]}:{bits[i]}" for i, j in zip(starts, ends, strict=True)]
