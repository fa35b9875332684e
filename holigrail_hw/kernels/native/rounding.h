// One rounding of a float to any narrower format, in any mode.
//
// As in rounding32.h a constant made from the exponent rounds the magnitude to nearest; that and
// the exact difference give the truncated magnitude, and the rest below its last place. The
// magnitude grows by one unit if the rest, in units, reaches a threshold. The rounding modes differ
// in thresholds alone, which may depend on the sign and on the last bit; with random words of N
// bits the threshold is 1 - word / 2^N.
#pragma once
#include "vectors.h"

template <class Real> struct Rounding {
    Real least;         // the smallest normal number; a tiny one if there are no subnormal numbers
    Real unit;          // 2^-(fraction bits)
    Real flush;         // magnitudes below it become zero
    Real largest[2];    // finite magnitudes, for + and -
    Real beyond[2];     // what larger finite magnitudes become
    Real infinite[2];   // what infinities become
    Real nothing;       // what NaN becomes
    Real threshold[4];  // for + even, + odd, - even, - odd
    Real jump;          // numbers that MPTorch makes this one although they are smaller; or 0
    int64_t magic;      // what makes the constant of the exponent
    int64_t float32;    // rounded to float32 before
    int64_t unsigned_zero;
};

// Vectors of a float type, and of integers of the same size.
template <class Real> struct Vectors;
template <> struct Vectors<float> {
    typedef F32 V;
    typedef I32 I;
    typedef U32 U;
    typedef int32_t Integer;
    static constexpr int LANES = LANES32, FRACTION = 23, SIGN = 31;
    static constexpr int32_t LOWEST = INT32_MIN, EXPONENT = 0x7f800000;
};
template <> struct Vectors<double> {
    typedef F64 V;
    typedef I64 I;
    typedef U64 U;
    typedef int64_t Integer;
    static constexpr int LANES = LANES64, FRACTION = 52, SIGN = 63;
    static constexpr int64_t LOWEST = INT64_MIN, EXPONENT = 0x7ff0000000000000;
};

static ALWAYS F32 through_float32(F32 x) {
    return x;
}

static ALWAYS F64 through_float32(F64 x) {
    return __builtin_convertvector(__builtin_convertvector(x, F32Half), F64);
}

// A sum: what an addition gives, and what it loses (Knuth).
template <class V> struct Sum {
    V value, lost;
};

template <class Real> struct Arithmetics {
    typedef Vectors<Real> T;
    typedef typename T::V V;
    typedef typename T::I I;
    typedef typename T::U U;
    typedef typename T::Integer Integer;

    static ALWAYS V magnitude_of(V x) { return (V)((I)x & ~T::LOWEST); }

    static ALWAYS V by_sign(I negative, const Real *pair) {
        return negative ? spread(pair[1]) : spread(pair[0]);
    }

    // MPTorch's rule for formats without subnormal numbers: see golden.gemm.jump_to_normal.
    static ALWAYS V jumped(V x, V y, V nearest, const Rounding<Real> &r) {
        const Integer half = Integer(1) << (T::FRACTION - 1);
        const I fraction = (I)x & (2 * half - 1);
        const I jumps = (nearest >= spread(r.jump / 2)) & (nearest < spread(r.jump)) &
                        (fraction > half);
        return jumps ? spread(r.jump) : y;
    }

    // What is out of range becomes what the format has for it.
    static ALWAYS V bounded(V y, I sign, const Rounding<Real> &r) {
        const I negative = sign != 0;
        const I over = y > by_sign(negative, r.largest);
        const I infinite = y == spread(Real(__builtin_inf()));
        y = over ? (infinite ? by_sign(negative, r.infinite) : by_sign(negative, r.beyond)) : y;
        y = (V)((I)y | sign);
        if (r.unsigned_zero) y = y + Real(0);
        return y != y ? spread(r.nothing) : y;
    }

    // PLAIN: nothing but rounding is ever needed. RANDOM: each number has its own threshold.
    // ``lost`` is what the exact number has beyond x, if RANDOM, of the same sign.
    template <bool PLAIN, bool RANDOM, bool REST>
    static ALWAYS V rounded(V x, V lost, V threshold, const Rounding<Real> &r) {
        if (!PLAIN && r.float32) x = through_float32(x);
        const I sign = (I)x & T::LOWEST;
        const V magnitude = magnitude_of(x);
        V power = (V)((I)x & T::EXPONENT);
        power = power > spread(r.least) ? power : spread(r.least);
        const V c = (V)((I)power + Integer(r.magic)), moved = magnitude + c;
        const V nearest = moved - c, unit = power * spread(r.unit);
        const I above = nearest > magnitude;
        const V whole = above ? nearest - unit : nearest;
        if (!RANDOM) {
            const I odd = -((I)moved & 1) ^ above, negative = sign != 0;
            const V plus = odd ? spread(r.threshold[1]) : spread(r.threshold[0]);
            const V minus = odd ? spread(r.threshold[3]) : spread(r.threshold[2]);
            threshold = negative ? minus : plus;
        }
        const V rest = magnitude - whole, wanted = threshold * unit;
        const I grows = REST ? magnitude_of(lost) >= wanted - rest : rest >= wanted;
        V y = grows ? whole + unit : whole;
        if (PLAIN) return (V)((I)y | sign);
        if (r.flush > 0) {
            y = y < spread(r.flush) ? V{} : y;
            if (r.jump > 0) y = jumped(x, y, nearest, r);
        }
        return bounded(y, sign, r);
    }

    static ALWAYS Sum<V> added(V x, V y) {
        const V sum = x + y, part = sum - x;
        return {sum, (x - (sum - part)) + (y - part)};
    }

    // Rounded to odd, as in rounding32.h.
    static ALWAYS V to_odd(Sum<V> s) {
        const I bits = (I)s.value, inexact = (s.lost < Real(0)) | (s.lost > Real(0));
        const I beyond = inexact & -(I)((U)(bits ^ (I)s.lost) >> T::SIGN);
        return (V)((bits + beyond) | (inexact & 1));
    }

    // Rounded toward zero, with what is lost then.
    static ALWAYS Sum<V> toward_zero(Sum<V> s) {
        const I bits = (I)s.value, inexact = (s.lost < Real(0)) | (s.lost > Real(0));
        const I beyond = inexact & -(I)((U)(bits ^ (I)s.lost) >> T::SIGN);
        const V value = (V)(bits + beyond);
        return {value, inexact ? s.lost + (s.value - value) : V{}};
    }
};
