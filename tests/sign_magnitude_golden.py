"""What sign-magnitude numbers answer otherwise than by exact numbers: a product of their own.

The answers are the same; a system whose products were not exact numbers would do it like this.
"""

import numpy as np
from sign_magnitude_format import SignMagnitudeFormat

from holigrail_hw.formats import FINITE, Exact
from holigrail_hw.golden.rules import OPERATIONS


@OPERATIONS["multiply"].rule(SignMagnitudeFormat, SignMagnitudeFormat, SignMagnitudeFormat)
def product(formats, codes, projection):
    pairs = zip(codes, formats, strict=True)
    (a_sign, a), (b_sign, b) = (np.divmod(np.asarray(c, np.int64), f.sign_code) for c, f in pairs)
    places = np.full(a.shape, sum(format.least_place for format in formats))
    category = np.full(a.shape, FINITE, np.uint8)
    return projection(Exact(a_sign != b_sign, a * b, places, category))
