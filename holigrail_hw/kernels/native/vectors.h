// Vectors of floats as the compiler knows them, on any machine; intrinsics only where they pay.
#pragma once
#include <cstdint>
#include <cstring>

// Every function that takes or gives vectors is inlined: there is no calling convention to change.
#pragma GCC diagnostic ignored "-Wpsabi"

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__) && defined(__AVX512DQ__)
constexpr int VECTOR_BYTES = 64;
#elif defined(__AVX2__)
constexpr int VECTOR_BYTES = 32;
#else
constexpr int VECTOR_BYTES = 16;
#endif

typedef float F32 __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t I32 __attribute__((vector_size(VECTOR_BYTES)));
typedef uint32_t U32 __attribute__((vector_size(VECTOR_BYTES)));
typedef double F64 __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t I64 __attribute__((vector_size(VECTOR_BYTES)));
typedef uint64_t U64 __attribute__((vector_size(VECTOR_BYTES)));
typedef float F32Half __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef uint32_t U32Half __attribute__((vector_size(VECTOR_BYTES / 2)));

constexpr int LANES32 = VECTOR_BYTES / 4, LANES64 = VECTOR_BYTES / 8;

#define ALWAYS inline __attribute__((always_inline))

template <class V, class T> static ALWAYS V load(const T *from) {
    V value;
    memcpy(&value, from, sizeof value);
    return value;
}

template <class V, class T> static ALWAYS void store(T *to, V value) {
    memcpy(to, &value, sizeof value);
}

template <class V, class T> static ALWAYS V all(T value) {
    return V{} + value;
}

// Zero has no part in it, so that the sign of a zero stays.
static ALWAYS F32 spread(float value) {
#if defined(__AVX512F__) && defined(__AVX512DQ__)
    return (F32)_mm512_set1_ps(value);
#elif defined(__AVX2__)
    return (F32)_mm256_set1_ps(value);
#else
    F32 vector;
    for (int i = 0; i < LANES32; i++) vector[i] = value;
    return vector;
#endif
}

static ALWAYS F64 spread(double value) {
#if defined(__AVX512F__) && defined(__AVX512DQ__)
    return (F64)_mm512_set1_pd(value);
#elif defined(__AVX2__)
    return (F64)_mm256_set1_pd(value);
#else
    F64 vector;
    for (int i = 0; i < LANES64; i++) vector[i] = value;
    return vector;
#endif
}

static ALWAYS I32 larger(I32 x, I32 y) {
    return x > y ? x : y;
}

static ALWAYS F32 smaller(F32 x, F32 y) {
    return x < y ? x : y;
}

static ALWAYS F32 larger(F32 x, F32 y) {
    return x > y ? x : y;
}

// a * b + c. Where products are exact in float32 both forms give the same bits; FUSED says which.
#if defined(__AVX512F__) && defined(__AVX512DQ__)
constexpr bool FUSED = true;
static ALWAYS F32 fused(F32 a, F32 b, F32 c) {
    return (F32)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
#elif defined(__AVX2__) && defined(__FMA__)
constexpr bool FUSED = true;
static ALWAYS F32 fused(F32 a, F32 b, F32 c) {
    return (F32)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
#else
constexpr bool FUSED = false;
static ALWAYS F32 fused(F32 a, F32 b, F32 c) {
    return a * b + c;
}
#endif
