// Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
// 2011): random words that are a function of a key and a counter, here one counter per lane.
#pragma once
#include "vectors.h"

struct Products {
    U32 high, low;
};

// The 64-bit products of every lane with one factor, as two halves.
static ALWAYS Products product_halves(U32 x, uint32_t factor) {
    const U64 both = (U64)x;
    U64 even, odd;
#if defined(__AVX512F__) && defined(__AVX512DQ__)
    const __m512i by = _mm512_set1_epi64(factor);
    even = (U64)_mm512_mul_epu32((__m512i)both, by);
    odd = (U64)_mm512_mul_epu32((__m512i)(both >> 32), by);
#elif defined(__AVX2__)
    const __m256i by = _mm256_set1_epi64x(factor);
    even = (U64)_mm256_mul_epu32((__m256i)both, by);
    odd = (U64)_mm256_mul_epu32((__m256i)(both >> 32), by);
#else
    even = (both & 0xffffffffu) * (uint64_t)factor;
    odd = (both >> 32) * (uint64_t)factor;
#endif
    const uint64_t upper = 0xffffffff00000000u;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return {(U32)((even >> 32) | (odd & upper)), (U32)((even & 0xffffffffu) | (odd << 32))};
#else
#error "lanes are taken to have the lower half first"
#endif
}

struct Words {
    U32 word[4];
};

static ALWAYS Words philox(U32 c0, U32 c1, U32 c2, U32 c3, uint32_t key0, uint32_t key1) {
    for (int round = 0; round < 10; round++) {
        const Products first = product_halves(c0, 0xd2511f53u);
        const Products second = product_halves(c2, 0xcd9e8d57u);
        c0 = second.high ^ c1 ^ key0;
        c2 = first.high ^ c3 ^ key1;
        c1 = second.low;
        c3 = first.low;
        key0 += 0x9e3779b9u;
        key1 += 0xbb67ae85u;
    }
    return {{c0, c1, c2, c3}};
}
