// Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
// 2011): random words that are a function of a key and a counter, here one counter per lane.
//
// Lanes with even and with odd numbers are kept apart, each in the lower half of 64 bits, where a
// product has room. What is in the upper half does not count.
#pragma once
#include "vectors.h"

static ALWAYS U64 product_of_halves(U64 x, uint32_t factor) {
#if defined(__AVX512F__) && defined(__AVX512DQ__)
    return (U64)_mm512_mul_epu32((__m512i)x, _mm512_set1_epi64(factor));
#elif defined(__AVX2__)
    return (U64)_mm256_mul_epu32((__m256i)x, _mm256_set1_epi64x(factor));
#else
    return (x & 0xffffffffu) * (uint64_t)factor;
#endif
}

struct Counters {
    U64 word[4];
    ALWAYS void turn(uint32_t key0, uint32_t key1) {
        const U64 first = product_of_halves(word[0], 0xd2511f53u);
        const U64 second = product_of_halves(word[2], 0xcd9e8d57u);
        word[0] = (second >> 32) ^ word[1] ^ (uint64_t)key0;
        word[2] = (first >> 32) ^ word[3] ^ (uint64_t)key1;
        word[1] = second;
        word[3] = first;
    }
};

struct Words {
    U32 word[4];
};

static ALWAYS Words philox(U32 c0, U32 c1, U32 c2, U32 c3, uint32_t key0, uint32_t key1) {
    const U32 given[4] = {c0, c1, c2, c3};
    Counters even, odd;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        even.word[i] = (U64)given[i];
        odd.word[i] = (U64)given[i] >> 32;
    }
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
        even.turn(key0, key1);
        odd.turn(key0, key1);
        key0 += 0x9e3779b9u;
        key1 += 0xbb67ae85u;
    }
    Words found;
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the lower half of 64 bits is taken to be the first lane"
#endif
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        found.word[i] = (U32)((even.word[i] & 0xffffffffu) | (odd.word[i] << 32));
    return found;
}
