"""Hardware of sign-magnitude numbers: a code from and to an integer, and a product of its own.

The first two are enough for every operator; the third spares the integers on the way.
"""

from amaranth import Cat, Mux, Value
from sign_magnitude_format import SignMagnitudeFormat

from holigrail_hw.estimate.primitives import Adder, Logic
from holigrail_hw.hdl.integer.multiply import multiply
from holigrail_hw.hdl.number.fixed import CODE, INTEGER
from holigrail_hw.hdl.number.operation import OPERATIONS
from holigrail_hw.hdl.number.project import project
from holigrail_hw.hdl.number.unpacked import Span, constant_exponent, range_shape


@INTEGER.rule(SignMagnitudeFormat)
def integer(plan, name, wire, format):
    shape = range_shape(*format.integer_range)
    using = Adder(format.width)
    return plan.step(name, shape, lambda c: Mux(c[-1], -c[:-1], c[:-1]), wire, using=using)


@CODE.rule(SignMagnitudeFormat)
def code(plan, value, format):
    def written(v):
        return Cat(Value.cast(Mux(v < 0, -v, v))[: format.width - 1], v < 0)

    return plan.step("sign_magnitude", format.width, written, value, using=Adder(format.width))


@OPERATIONS["multiply"].rule(SignMagnitudeFormat, SignMagnitudeFormat, SignMagnitudeFormat)
def product(plan, formats, codes, result, **options):
    sign = plan.step("product_sign", 1, lambda a, b: a[-1] ^ b[-1], *codes, using=Logic())
    factors = [
        plan.step(name, format.width - 1, lambda c: c[:-1], wire)
        for name, format, wire in zip(("a_magnitude", "b_magnitude"), formats, codes, strict=True)
    ]
    magnitude = multiply(plan, *factors, "rows")
    place = sum(format.least_place for format in formats)
    span = Span(0, 0, 0, magnitude.width - 1)
    number = constant_exponent(plan, sign, magnitude, place, span)
    return project(plan, result, number, **options)
