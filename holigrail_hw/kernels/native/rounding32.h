// One rounding of a float32 to a narrower float, to nearest, ties to even.
//
// Let x have exponent e, or the smallest normal exponent if that is larger, and let m be the
// fraction bits. With C = 1.5 * 2^(e + 23 - m) the sum x + C lies between 2^(e + 23 - m) and
// 2^(e + 24 - m), where the last place of float32 is 2^(e - m): the addition rounds x to a multiple
// of that, and the subtraction is exact. C is made from the bits of x.
#pragma once
#include "vectors.h"

struct Rounding32 {
    int32_t least;   // bits of the smallest normal number
    int32_t magic;   // what makes C of the exponent of x
    float up, down;  // 2^(127 - largest exponent), and its inverse
    float largest;
};

enum Overflow { NONE, INFINITE, SATURATE, NOTHING };

template <bool SMALL, int OVER> static ALWAYS F32 rounded(F32 x, const Rounding32 &r) {
    I32 power = (I32)x & 0x7f800000;
    if (SMALL) power = larger(power, all<I32>(r.least));
    F32 c = (F32)(power + r.magic);
    F32 y = (x + c) - c;
    if (SMALL) y = (F32)((I32)y | ((I32)x & INT32_MIN));
    if (OVER == INFINITE) y = (y * spread(r.up)) * spread(r.down);
    if (OVER == SATURATE) y = larger(smaller(y, spread(r.largest)), spread(-r.largest));
    if (OVER == NOTHING) {
        F32 magnitude = (F32)((I32)y & INT32_MAX);
        y = magnitude > spread(r.largest) ? spread(__builtin_nanf("")) : y;
    }
    return y;
}

// The sum of two numbers, rounded to odd: its last bit says whether something was lost, so that one
// more rounding, by two bits at least, is that of the exact sum (Boldo and Melquiond, 2008). What
// was lost is Knuth's error of an addition.
static ALWAYS F32 added_to_odd(F32 x, F32 y) {
    F32 sum = x + y, part = sum - x;
    F32 lost = (x - (sum - part)) + (y - part);
    I32 bits = (I32)sum;
    I32 inexact = (lost < 0.0f) | (lost > 0.0f);
    I32 beyond = inexact & ((bits ^ (I32)lost) >> 31);
    return (F32)((bits + beyond) | (inexact & 1));
}
