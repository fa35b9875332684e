// One rounding of a float64 to any narrower format, in any mode.
//
// As in rounding32.h a constant made from the exponent rounds the magnitude to nearest; that and
// the exact difference give the truncated magnitude, and the rest below its last place. The
// magnitude grows by one unit if the rest, in units, reaches a threshold. The rounding modes differ
// in thresholds alone, which may depend on the sign and on the last bit; with random words of N
// bits the threshold is 1 - word / 2^N.
#pragma once
#include "vectors.h"

struct Rounding64 {
    double least;        // the smallest normal number; a tiny one if there are no subnormal numbers
    double unit;         // 2^-(fraction bits)
    double flush;        // magnitudes below it become zero
    double largest[2];   // finite magnitudes, for + and -
    double beyond[2];    // what larger finite magnitudes become
    double infinite[2];  // what infinities become
    double nothing;      // what NaN becomes
    double threshold[4]; // for + even, + odd, - even, - odd
    double jump;         // numbers that MPTorch makes this one although they are smaller; or 0
    int64_t magic;       // what makes the constant of the exponent
    int64_t float32;     // rounded to float32 before
    int64_t unsigned_zero;
};

static ALWAYS F64 chosen(I64 mask, F64 yes, F64 no) {
    return mask ? yes : no;
}

static ALWAYS F64 magnitude_of(F64 x) {
    return (F64)((I64)x & INT64_MAX);
}

static ALWAYS F64 by_sign(I64 negative, const double *pair) {
    return chosen(negative, spread(pair[1]), spread(pair[0]));
}

static ALWAYS F64 through_float32(F64 x) {
    return __builtin_convertvector(__builtin_convertvector(x, F32Half), F64);
}

// MPTorch's rule for formats without subnormal numbers: see golden.gemm.jump_to_normal.
static ALWAYS F64 jumped(F64 x, F64 y, F64 nearest, const Rounding64 &r) {
    I64 fraction = (I64)x & ((int64_t(1) << 52) - 1);
    I64 jumps = (nearest >= spread(r.jump / 2)) & (nearest < spread(r.jump)) &
                (fraction > (int64_t(1) << 51));
    return chosen(jumps, spread(r.jump), y);
}

// ``RANDOM``: ``threshold`` is given for each number.
template <bool RANDOM> static ALWAYS F64 rounded(F64 x, F64 threshold, const Rounding64 &r) {
    if (r.float32) x = through_float32(x);
    const I64 sign = (I64)x & INT64_MIN, negative = sign != 0;
    F64 magnitude = magnitude_of(x);
    F64 power = (F64)((I64)x & 0x7ff0000000000000);
    power = power > spread(r.least) ? power : spread(r.least);
    const F64 c = (F64)((I64)power + r.magic), moved = magnitude + c;
    const F64 nearest = moved - c, unit = power * r.unit;
    const I64 above = nearest > magnitude;
    const F64 whole = chosen(above, nearest - unit, nearest);
    if (!RANDOM) {
        const I64 odd = -((I64)moved & 1) ^ above;
        threshold = chosen(negative, chosen(odd, spread(r.threshold[3]), spread(r.threshold[2])),
                           chosen(odd, spread(r.threshold[1]), spread(r.threshold[0])));
    }
    const I64 grows = magnitude - whole >= threshold * unit;
    F64 y = chosen(grows, whole + unit, whole);
    if (r.flush > 0) {
        y = chosen(y < spread(r.flush), F64{}, y);
        if (r.jump > 0) y = jumped(x, y, nearest, r);
    }
    const I64 over = y > by_sign(negative, r.largest);
    const I64 infinite = y == spread(__builtin_inf());
    y = chosen(over,
               chosen(infinite, by_sign(negative, r.infinite), by_sign(negative, r.beyond)), y);
    y = (F64)((I64)y | sign);
    if (r.unsigned_zero) y = y + 0.0;
    return chosen(y != y, spread(r.nothing), y);
}

// Rounded to odd, as in rounding32.h. ``down``: exact zero sums are -0.
template <bool EXACT> static ALWAYS F64 added(F64 x, F64 y, bool down) {
    if (down) x = -x, y = -y;
    F64 sum = x + y;
    if (!EXACT) {
        const F64 part = sum - x, lost = (x - (sum - part)) + (y - part);
        const I64 bits = (I64)sum, inexact = (lost < 0.0) | (lost > 0.0);
        const I64 beyond = inexact & -(I64)((U64)(bits ^ (I64)lost) >> 63);
        sum = (F64)((bits + beyond) | (inexact & 1));
    }
    return down ? -sum : sum;
}
