// Vectors of 16-bit floats, where the processor multiplies and adds them, with one rounding.
#pragma once
#include "vectors.h"

#if defined(__AVX512FP16__) && defined(__AVX512F__) && defined(__AVX512DQ__)
#define HAS_FLOAT16
typedef _Float16 Float16;
typedef Float16 F16 __attribute__((vector_size(VECTOR_BYTES)));

constexpr int LANES16 = VECTOR_BYTES / 2;

static ALWAYS F16 fused(F16 a, F16 b, F16 c) {
    return (F16)_mm512_fmadd_ph((__m512h)a, (__m512h)b, (__m512h)c);
}

// Two of the same number, side by side: a pair is spread over a vector by one load.
static ALWAYS uint32_t pair_of(Float16 number) {
    uint16_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits * 0x10001u;
}

static ALWAYS F16 spread_pair(uint32_t pair) {
    return (F16)_mm512_set1_epi32(int(pair));
}

static ALWAYS F16 narrowed(F32 low, F32 high) {
    const __m512i first = _mm512_castsi256_si512((__m256i)_mm512_cvtxps_ph((__m512)low));
    return (F16)_mm512_inserti64x4(first, (__m256i)_mm512_cvtxps_ph((__m512)high), 1);
}

static ALWAYS void store_as_float(float *to, F16 numbers) {
    const __m512i bits = (__m512i)numbers;
    store(to, (F32)_mm512_cvtxph_ps((__m256h)_mm512_castsi512_si256(bits)));
    store(to + LANES32, (F32)_mm512_cvtxph_ps((__m256h)_mm512_extracti64x4_epi64(bits, 1)));
}
#endif
