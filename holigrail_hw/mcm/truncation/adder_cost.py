"""Cost and state of one truncated adder, written out for the inner loops of the searches.

The same rules as :func:`.error_bounds.join`, :func:`.error_bounds.width_of` and
:func:`.counting.our_rule` together, on plain tuples; tests compare them.
"""

from ..single.forms import Form

__all__ = ["State", "input_state", "limits_of", "truncated_adder"]

State = tuple[int, int, int, int, bool]
"""Error below and above, known zeros, width, whether the value can be negative."""


def input_state(input_width: int, signed: bool) -> State:
    """The exact input."""
    return 0, 0, 0, input_width, signed


def limits_of(input_width: int, signed: bool) -> tuple[int, int]:
    """Largest magnitudes of the input above and below zero."""
    return (1 << (input_width - signed)) - 1, 1 << (input_width - 1) if signed else 0


def truncated_adder(
    fundamental: int,
    form: Form,
    left: State,
    right: State,
    truncate: tuple[int, int],
    limits: tuple[int, int],
) -> tuple[int, State]:
    """One-bit adders and state of an adder whose operands lose ``truncate`` low bits."""
    _, _, shift, right_shift, minus_left, minus_right = form
    low_l, high_l, zeros_l, width_l, signed_l = left
    low_r, high_r, zeros_r, width_r, signed_r = right
    t_left, t_right = truncate
    if t_left > zeros_l:
        low_l += (1 << t_left) - (1 << zeros_l)
        zeros_l = t_left
    if t_right > zeros_r:
        low_r += (1 << t_right) - (1 << zeros_r)
        zeros_r = t_right
    low_l <<= shift
    high_l <<= shift
    if minus_left:
        low, high = high_l + low_r, low_l + high_r
    elif minus_right:
        low, high = low_l + high_r, high_l + low_r
    else:
        low, high = low_l + low_r, high_l + high_r
    signed = signed_l or signed_r or ((minus_left or minus_right) and low > 0)
    if shift:
        zeros_l += shift
        zeros = zeros_l if zeros_l < zeros_r else zeros_r
        passed = 0 if minus_right else zeros_l
        if not minus_left and zeros_r > passed:
            passed = zeros_r
    else:
        low, high = -(-low >> right_shift), -(-high >> right_shift)
        zeros = passed = 0
    largest, smallest = limits
    width = (fundamental * largest + high).bit_length()
    if signed:
        below = fundamental * smallest + low - 1
        if below > 0 and below.bit_length() > width:
            width = below.bit_length()
        width += 1
    total = width + right_shift
    wide = width_l + shift
    if width_r > wide:
        wide = width_r
    cost = total - passed - (total > wide)
    return (cost if cost > 0 else 0), (low, high, zeros, width, signed)
