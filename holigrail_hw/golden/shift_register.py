"""Random words from a linear-feedback shift register of 32 bits, as golden models need them.

The register makes a sequence of bits: 32 of them are the seed, lowest bit first, and

    bit[n + 32] = bit[n] ^ bit[n + 1] ^ bit[n + 2] ^ bit[n + 22],

by the primitive polynomial x^32 + x^22 + x^2 + x + 1, so that it repeats after 2^32 - 1 bits. Each
word takes as many bits as it has, one after the other, lowest bit first; no bit is used twice.

Reference: Golomb, "Shift Register Sequences" (1967).
"""

import numpy as np

__all__ = ["random_words"]

_BITS = 32
_TAPS = (0, 1, 2, 22)
_AT_ONCE = _BITS - max(_TAPS)


def random_words(seed: int, width: int, count: int) -> np.ndarray:
    """The first ``count`` words of ``width`` bits (1 to 32), as uint64.

    >>> random_words(1, 8, 5).tolist()
    [1, 0, 0, 0, 1]
    """
    words, state = np.zeros(count, np.uint64), seed
    for index in range(count):
        words[index] = state & ((1 << width) - 1)
        left = width
        while left:
            some = min(left, _AT_ONCE)
            new = 0
            for tap in _TAPS:
                new ^= state >> tap
            state = (state >> some) | ((new & ((1 << some) - 1)) << (_BITS - some))
            left -= some
    return words
