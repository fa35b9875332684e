/* gemmlowp's fixed-point softmax (Jacob and Warden, 2015), as TensorFlow Lite's reference kernels
 * have it: the reciprocal of the sum by three steps of Newton's method. */
#include "accelerator.h"

/* Saturating rounding doubling high multiply; what would saturate does not occur. */
static int32_t product(int32_t a, int32_t b) {
    int64_t exact = (int64_t)a * b;
    if (exact >= 0) return (int32_t)((exact + (1 << 30)) >> 31);
    return -(int32_t)((-exact + (1 << 30) - 1) >> 31);
}

/* Division by 2^places, ties away from zero. */
static int32_t halved(int32_t x, int places) {
    int32_t mask = (int32_t)((1u << places) - 1);
    return (x >> places) + ((x & mask) > (mask >> 1) + (x < 0));
}

static int32_t doubled(int32_t x, int places) {
    int64_t exact = (int64_t)x * (1 << places);
    if (exact > INT32_MAX) return INT32_MAX;
    return exact < INT32_MIN ? INT32_MIN : (int32_t)exact;
}

void accelerator_softmax(const int8_t *codes, int8_t *shares, int count, const int32_t *powers,
                         int power_count) {
    int most = -128, lead = 0;
    int32_t total = 0;
    for (int n = 0; n < count; n++)
        if (codes[n] > most) most = codes[n];
    for (int n = 0; n < count; n++)
        if (most - codes[n] < power_count) total += halved(powers[most - codes[n]], 12);
    uint32_t left = (uint32_t)total;
    while (!(left & 0x80000000u)) {
        left <<= 1;
        lead++;
    }
    int32_t half = (int32_t)(((int64_t)(left - 0x80000000u) + 0x80000000ll) >> 1);
    int32_t reciprocal = 1515870810 + product(half, -1010580540);
    for (int n = 0; n < 3; n++)
        reciprocal += doubled(product(reciprocal, (1 << 29) - product(half, reciprocal)), 2);
    reciprocal = doubled(reciprocal, 1);
    for (int n = 0; n < count; n++) {
        int32_t share = -128;
        if (most - codes[n] < power_count)
            share = halved(product(reciprocal, powers[most - codes[n]]), 12 - lead + 31 - 8) - 128;
        shares[n] = (int8_t)(share > 127 ? 127 : share < -128 ? -128 : share);
    }
}
