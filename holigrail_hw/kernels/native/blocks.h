// Blocks of sums of products that stay in registers over all of K; no sum is ever split.
//
// Factors of rows are words that are spread over a vector: floats, or pairs of the same 16-bit
// float. Those of columns lie side by side. How a step adds and rounds is a type.
#pragma once
#include <algorithm>

#include "rounding32.h"
#include "vectors16.h"

struct Sums {
    int64_t native;                     // 16 or 32: floats whose own operations are the steps; or 0
    int64_t cascade, odd, small, over;  // what else is done in float32
    int64_t chunk;
    double limit;  // what sums of magnitudes may reach, so that none overflows
    Rounding32 sum, product;
    float start;
};

struct Tile {
    const Sums &sums;
    const uint32_t *const *rows;  // where the factors of each row begin
    const int32_t *places;        // where the k-th of them is
    const void *panel;            // for each k the factors of the columns
    int64_t stride;               // of panel, in numbers
    int64_t count, depth;         // rows, and products of each sum
    int64_t vectors;              // of columns, 1 or 2
    const float *begin;           // what sums of each row begin with, or none
    const float *begins;          // what sums of each column begin with, or none
    float *result;                // rows of so many numbers
};

typedef void (*Multiply)(const Tile &);

template <bool CASCADE, bool ODD, bool SMALL, int OVER> struct Step32 {
    typedef F32 V;
    typedef float Number;
    static constexpr int LANES = LANES32;
    const Sums &sums;
    ALWAYS F32 finish(F32 exact) const { return rounded<SMALL, OVER>(exact, sums.sum); }
    ALWAYS F32 plus(F32 x, F32 y) const { return finish(ODD ? added_to_odd(x, y) : x + y); }
    ALWAYS F32 operator()(F32 c, F32 a, F32 b) const {
        if (CASCADE) return plus(c, rounded<SMALL, OVER>(a * b, sums.product));
        return ODD ? plus(c, a * b) : finish(fused(a, b, c));
    }
    static ALWAYS F32 factor(uint32_t word) {
        float number;
        memcpy(&number, &word, sizeof number);
        return spread(number);
    }
    static ALWAYS F32 all_of(float number) { return spread(number); }
    static ALWAYS F32 from(const float *numbers) { return load<F32>(numbers); }
    static ALWAYS void put(float *to, F32 numbers) { store(to, numbers); }
};

// Sums, and rounded products, are float32 themselves.
template <bool CASCADE> struct Plain32 {
    typedef F32 V;
    typedef float Number;
    static constexpr int LANES = LANES32;
    const Sums &sums;
    ALWAYS F32 plus(F32 x, F32 y) const { return x + y; }
    ALWAYS F32 operator()(F32 c, F32 a, F32 b) const { return CASCADE ? c + a * b : fused(a, b, c); }
    static ALWAYS F32 factor(uint32_t word) { return Step32<false, false, false, NONE>::factor(word); }
    static ALWAYS F32 all_of(float number) { return spread(number); }
    static ALWAYS F32 from(const float *numbers) { return load<F32>(numbers); }
    static ALWAYS void put(float *to, F32 numbers) { store(to, numbers); }
};

#if defined(HAS_FLOAT16)
// Sums, and rounded products, are IEEE 754's numbers of 16 bits.
template <bool CASCADE> struct Step16 {
    typedef F16 V;
    typedef Float16 Number;
    static constexpr int LANES = LANES16;
    const Sums &sums;
    ALWAYS F16 plus(F16 x, F16 y) const { return x + y; }
    ALWAYS F16 operator()(F16 c, F16 a, F16 b) const { return CASCADE ? c + a * b : fused(a, b, c); }
    static ALWAYS F16 factor(uint32_t word) { return spread_pair(word); }
    static ALWAYS F16 all_of(float number) { return spread_pair(pair_of(Float16(number))); }
    static ALWAYS F16 from(const float *numbers) {
        return narrowed(load<F32>(numbers), load<F32>(numbers + LANES32));
    }
    static ALWAYS void put(float *to, F16 numbers) { store_as_float(to, numbers); }
};
#endif

constexpr int BLOCK = VECTOR_BYTES == 64 ? 8 : VECTOR_BYTES == 32 ? 6 : 4;

// Rows from ``first`` on; what is beyond the last one is computed like the first, and not kept.
template <int ROWS, int VECTORS, class Step>
void block(const Step &step, const Tile &tile, int64_t first) {
    typedef typename Step::V V;
    constexpr int LANES = Step::LANES;
    const int64_t kept = std::min<int64_t>(ROWS, tile.count - first);
    const uint32_t *a[ROWS];
    const int32_t *places = tile.places;
    const typename Step::Number *panel = (const typename Step::Number *)tile.panel;
    const int64_t stride = tile.stride, depth = tile.depth, chunk = tile.sums.chunk;
    const V start = Step::all_of(tile.sums.start);
    V outer[ROWS][VECTORS], sum[ROWS][VECTORS];
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++) {
        const int64_t row = first + (r < kept ? r : 0);
        a[r] = tile.rows[row];
#pragma GCC unroll 2
        for (int v = 0; v < VECTORS; v++)
            outer[r][v] = tile.begin    ? Step::all_of(tile.begin[row])
                          : tile.begins ? Step::from(tile.begins + v * LANES)
                                        : start;
    }
    const int64_t length = chunk ? chunk : depth;
    for (int64_t from = 0; from < depth; from += length) {
        const int64_t end = std::min(from + length, depth);
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 2
            for (int v = 0; v < VECTORS; v++) sum[r][v] = chunk ? start : outer[r][v];
        for (int64_t k = from; k < end; k++) {
            V factors[VECTORS];
#pragma GCC unroll 2
            for (int v = 0; v < VECTORS; v++) factors[v] = load<V>(panel + k * stride + v * LANES);
            const int64_t place = places[k];
#pragma GCC unroll 8
            for (int r = 0; r < ROWS; r++) {
                const V factor = Step::factor(a[r][place]);
#pragma GCC unroll 2
                for (int v = 0; v < VECTORS; v++) sum[r][v] = step(sum[r][v], factor, factors[v]);
            }
        }
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 2
            for (int v = 0; v < VECTORS; v++)
                outer[r][v] = chunk ? step.plus(outer[r][v], sum[r][v]) : sum[r][v];
    }
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 2
        for (int v = 0; v < VECTORS; v++)
            if (r < kept)
                Step::put(tile.result + ((first + r) * VECTORS + v) * LANES, outer[r][v]);
}

template <class Step> void multiply(const Tile &tile) {
    const Step step{tile.sums};
    int64_t row = 0;
    if (tile.vectors == 1)
        for (; row < tile.count; row += BLOCK) block<BLOCK, 1>(step, tile, row);
    for (; tile.count - row > BLOCK / 2; row += BLOCK) block<BLOCK, 2>(step, tile, row);
    for (; row < tile.count; row += BLOCK / 2) block<BLOCK / 2, 2>(step, tile, row);
}

template <bool CASCADE, bool ODD> Multiply chosen32(bool small, int64_t over) {
    if (!small && over == NONE) return multiply<Step32<CASCADE, ODD, false, NONE>>;
    if (!small && over == INFINITE) return multiply<Step32<CASCADE, ODD, false, INFINITE>>;
    switch (over) {
    case NONE: return multiply<Step32<CASCADE, ODD, true, NONE>>;
    case INFINITE: return multiply<Step32<CASCADE, ODD, true, INFINITE>>;
    case SATURATE: return multiply<Step32<CASCADE, ODD, true, SATURATE>>;
    default: return multiply<Step32<CASCADE, ODD, true, NOTHING>>;
    }
}

// The function of some sums; ``over`` is what may happen to them.
static Multiply chosen(const Sums &sums, int64_t over) {
#if defined(HAS_FLOAT16)
    if (sums.native == 16) return sums.cascade ? multiply<Step16<true>> : multiply<Step16<false>>;
#endif
    if (sums.native == 32) return sums.cascade ? multiply<Plain32<true>> : multiply<Plain32<false>>;
    if (sums.cascade)
        return sums.odd ? chosen32<true, true>(sums.small, over)
                        : chosen32<true, false>(sums.small, over);
    return sums.odd ? chosen32<false, true>(sums.small, over)
                    : chosen32<false, false>(sums.small, over);
}
