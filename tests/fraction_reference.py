"""A slow second opinion on formats: tables of Fractions and a search for the two neighbours.

It shares nothing with the library but the fields of the format objects.
"""

import math
from bisect import bisect_right
from fractions import Fraction

STOCHASTIC = ["stochastic", "stochastic_b", "stochastic_c"]
MODES = ["nearest_even", "nearest_away", "toward_zero", "up", "down", "to_odd"]


def grid_value(fmt, code):
    """Value of a float's magnitude code, as if exponents had no end and no code were special."""
    field, fraction = divmod(code, 2**fmt.fraction_width)
    if field == 0:
        return fraction * Fraction(2) ** (1 - fmt.bias - fmt.fraction_width)
    return (2**fmt.fraction_width + fraction) * Fraction(2) ** (
        field - fmt.bias - fmt.fraction_width
    )


def largest_code(fmt):
    half = 2 ** (fmt.exponent_width + fmt.fraction_width)
    match fmt.specials:
        case "ieee":
            return half - 2**fmt.fraction_width - 1
        case "fn":
            return half - 2
    return half - 1


def decode_float(fmt, code):
    """Fraction, or a float for -0, infinities and NaN."""
    half = 2 ** (fmt.exponent_width + fmt.fraction_width)
    is_negative, magnitude = divmod(code, half)
    top = half - 2**fmt.fraction_width
    if fmt.specials == "ieee" and magnitude >= top:
        return (-math.inf if is_negative else math.inf) if magnitude == top else math.nan
    if (fmt.specials == "fn" and magnitude == half - 1) or (
        fmt.specials == "fnuz" and code == half
    ):
        return math.nan
    value = grid_value(fmt, magnitude)
    if not fmt.subnormals and magnitude < 2**fmt.fraction_width:
        value = Fraction(0)
    if value == 0 and is_negative and fmt.specials != "fnuz":
        return -0.0
    return -value if is_negative else value


def grows(mode, nu, is_odd, is_negative, word=0, bits=0):
    """Whether a truncated magnitude with discarded part nu in [0, 1) grows by one."""
    half = Fraction(1, 2)
    return {
        "nearest_even": nu > half or (nu == half and is_odd),
        "nearest_away": nu >= half,
        "toward_zero": False,
        "up": nu > 0 and not is_negative,
        "down": nu > 0 and is_negative,
        "to_odd": nu > 0 and not is_odd,
        "stochastic": math.floor(nu * 2**bits) + word >= 2**bits,
        "stochastic_b": math.floor(nu * 2 ** (bits + 1)) + 2 * word + 1 >= 2 ** (bits + 1),
        "stochastic_c": round(nu * 2**bits) + word >= 2**bits,
    }[mode]


class FloatReference:
    """Encoding by search; ``locate`` is separate so that one search serves all modes."""

    def __init__(self, fmt):
        self.fmt = fmt
        self.half = 2 ** (fmt.exponent_width + fmt.fraction_width)
        self.largest = largest_code(fmt)

    def locate(self, magnitude):
        """Code of the largest grid value not above a positive Fraction, and the part above it."""
        fmt, scale = self.fmt, 0
        smallest_normal = grid_value(fmt, 2**fmt.fraction_width)
        while not fmt.subnormals and magnitude * 2**scale < smallest_normal:
            scale += 1
        magnitude *= 2**scale
        code = bisect_right(range(2 * self.half), magnitude, key=lambda c: grid_value(fmt, c)) - 1
        low, high = grid_value(fmt, code), grid_value(fmt, code + 1)
        return code - scale * 2**fmt.fraction_width, (magnitude - low) / (high - low)

    def encode(self, value, mode, word=0, bits=0):
        if value != value:
            return self.nan()
        is_negative = math.copysign(1, value) < 0 if isinstance(value, float) else value < 0
        if value in (math.inf, -math.inf):
            return self.overflow(is_negative, mode, is_infinite=True)
        if value == 0:
            return self.signed(0, is_negative)
        return self.finish(*self.locate(abs(Fraction(value))), is_negative, mode, word, bits)

    def finish(self, code, nu, is_negative, mode, word=0, bits=0):
        code += grows(mode, nu, code % 2 == 1, is_negative, word, bits)
        if not self.fmt.subnormals and code < 2**self.fmt.fraction_width:
            code = 0
        if code > self.largest:
            return self.overflow(is_negative, mode, is_infinite=False)
        return self.signed(code, is_negative)

    def signed(self, code, is_negative):
        if code == 0 and self.fmt.specials == "fnuz":
            return 0
        return code + self.half * is_negative

    def nan(self):
        fmt = self.fmt
        return {
            "ieee": self.largest + 1 + 2**fmt.fraction_width // 2,
            "fn": self.half - 1,
            "finite": self.largest,
            "fnuz": self.half,
        }[fmt.specials]

    def overflow(self, is_negative, mode, is_infinite):
        inward = mode in ("toward_zero", "to_odd", "up" if is_negative else "down")
        saturates = self.fmt.saturate or self.fmt.specials == "finite"
        if saturates or (inward and not is_infinite):
            return self.signed(self.largest, is_negative)
        if self.fmt.specials == "ieee":
            return self.signed(self.largest + 1, is_negative)
        return self.nan()


def round_fraction(value, mode, word=0, bits=0):
    """A Fraction rounded to an integer; magnitudes are rounded, then the sign is put back."""
    whole, nu = divmod(abs(value), 1)
    whole += grows(mode, nu, whole % 2 == 1, value < 0, word, bits)
    return -whole if value < 0 else whole
