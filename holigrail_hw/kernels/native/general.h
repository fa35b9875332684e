// Matrix products in every rounding mode and every way of adding that rounds steps.
//
// Sums stay in registers as in gemm32.cc. All numbers are floats of type REAL.
#pragma once
#include "philox.h"
#include "rounding.h"
#include "work.h"

namespace {

enum Kind { FUSED_STEP, CASCADE_STEP, WINDOW_STEP };
enum Source { NO_WORDS, COUNTERS, GIVEN };

struct Random {
    int64_t source, width;
    double last, most;            // 2^-width; the threshold of the word 0
    int64_t ties_to_even;         // an odd word does not reach its threshold itself
    uint32_t key[2], first[3];    // counters: of the first row, the first column, the last word
    uint32_t mask;                // 2^width - 1
    const uint32_t *words[2];     // given: K x M x N, of the sums and of the products
};

struct Request {
    const REAL *a, *b;          // M x K and K x N
    const REAL *a_top, *b_top;  // powers of two above them, for a window
    const REAL *initial;        // N, or none: what sums begin with instead of start
    REAL *c;                    // M x N
    int64_t rows, depth, columns, chunk, threads;
    int64_t kind, exact, down;
    REAL start, window;         // window: 2^-width
    REAL sum_least;             // of a window: least power of two that a sum is taken to have
    Rounding<REAL> sum, product;
    Random random;
};

typedef Arithmetics<REAL> A;
typedef A::V V;
typedef A::I I;

// Float32 is for sums that stay in range, float64 for all others.
constexpr bool PLAIN = sizeof(REAL) == 4;
constexpr int LANES = A::T::LANES, VECTORS = 2;
constexpr int64_t PANEL = VECTORS * LANES;
constexpr int BLOCK = VECTOR_BYTES == 64 ? 4 : 2;
constexpr int CALLS = PANEL / LANES32;  // of the generator, for one row of a panel
constexpr uint32_t PRODUCTS = 0xffffffffu;

// ``x`` cut off below ``unit``, toward zero; it has at most 51 bits above.
ALWAYS V cut(V x, V unit) {
    const V c = unit * REAL(6755399441055744.0), magnitude = A::magnitude_of(x);
    const V nearest = (magnitude + c) - c;
    const V whole = nearest > magnitude ? nearest - unit : nearest;
    return (V)((I)whole | ((I)x & A::T::LOWEST));
}

template <int KIND, bool EXACT, bool RANDOM> struct Step {
    const Request &request;
    ALWAYS V plus(V x, V y, V threshold) const {
        const Rounding<REAL> &sum = request.sum;
        // Exact zero sums are -0 when rounding down.
        const bool down = !RANDOM && request.down;
        if (down) x = -x, y = -y;
        V value = x + y;
        if (EXACT) return A::rounded<PLAIN, RANDOM, false>(down ? -value : value, V{}, threshold, sum);
        const Sum<V> found = A::added(x, y);
        if (RANDOM && sizeof(REAL) == 4) {
            // A number rounded to odd would have too few bits for the words.
            const Sum<V> inner = A::toward_zero(found);
            return A::rounded<PLAIN, RANDOM, true>(inner.value, inner.lost, threshold, sum);
        }
        value = A::to_odd(found);
        return A::rounded<PLAIN, RANDOM, false>(down ? -value : value, V{}, threshold, sum);
    }
    ALWAYS V operator()(V c, V a, V b, V a_top, V b_top, V threshold, V product_threshold) const {
        V product = a * b;
        if (KIND == CASCADE_STEP)
            product = A::rounded<PLAIN, RANDOM, false>(product, V{}, product_threshold,
                                                       request.product);
        if (KIND != WINDOW_STEP) return plus(c, product, threshold);
        V power = (V)((I)c & A::T::EXPONENT), top = a_top * b_top;
        power = power > spread(request.sum_least) ? power : spread(request.sum_least);
        power = (c == REAL(0)) | (power == spread(REAL(__builtin_inf()))) ? V{} : power * REAL(2);
        const V unit = (power > top ? power : top) * spread(request.window);
        const V sum = cut(c, unit) + cut(product, unit) + REAL(0);
        return A::rounded<PLAIN, RANDOM, false>(sum, V{}, threshold, request.sum);
    }
};

// Random words of one row and one panel: 16 bits for each of eight steps, or 32 for each of four.
struct Drawn {
    U32 word[CALLS];
    Words words[CALLS];

    ALWAYS void draw(const Request &request, int64_t row, int64_t column, int64_t k, int which) {
        const Random &random = request.random;
        if (random.source == GIVEN) {
            const uint32_t *from =
                random.words[which] + (k * request.rows + row) * request.columns + column;
            memset(word, 0, sizeof word);
            memcpy(word, from, std::min(PANEL, request.columns - column) * sizeof(uint32_t));
            return;
        }
        const bool narrow = random.width <= 16;
        const int64_t period = narrow ? 8 : 4, place = k % period;
        if (place == 0) refill(random, row, column, k / period, which);
        for (int call = 0; call < CALLS; call++) {
            const U32 *from = words[call].word;
            word[call] = (narrow ? from[place / 2] >> (16 * (place % 2)) : from[place]) & random.mask;
        }
    }

    ALWAYS void refill(const Random &random, int64_t row, int64_t column, int64_t k, int which) {
        for (int call = 0; call < CALLS; call++) {
            U32 columns;
            for (int lane = 0; lane < LANES32; lane++)
                columns[lane] = random.first[1] + uint32_t(column) + call * LANES32 + lane;
            words[call] = philox(all<U32>(uint32_t(k)), columns,
                                 all<U32>(random.first[0] + uint32_t(row)),
                                 all<U32>(random.first[2]), random.key[0],
                                 random.key[1] ^ (which ? PRODUCTS : 0));
        }
    }

    ALWAYS V threshold(const Random &random, int vector) const {
        typedef uint32_t Part __attribute__((vector_size(4 * LANES)));
        typedef int32_t Signed __attribute__((vector_size(4 * LANES)));
        Part part;
        memcpy(&part, (const char *)word + vector * sizeof part, sizeof part);
        // Floats have words of less than 24 bits, which are as good signed.
        const V number = sizeof(REAL) == 4 ? __builtin_convertvector((Signed)part, V)
                                           : __builtin_convertvector(part, V);
        const V found = spread(REAL(random.most)) - number * spread(REAL(random.last));
        if (!random.ties_to_even) return found;
        return (V)((I)found + __builtin_convertvector(part & 1u, I));
    }
};

template <int ROWS, int KIND, bool RANDOM, class Step>
void block(const Step &step, int64_t row, int64_t rows, int64_t column, const REAL *panel,
           V (*result)[VECTORS]) {
    const Request &request = step.request;
    const V start = spread(request.start);
    const REAL *begin = panel + request.depth * PANEL, *tops = begin + PANEL;
    V outer[ROWS][VECTORS], sum[ROWS][VECTORS];
    Drawn drawn[ROWS], of_products[ROWS];
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
        for (int v = 0; v < VECTORS; v++) outer[r][v] = load<V>(begin + v * LANES);
    const int64_t length = request.chunk ? request.chunk : request.depth;
    for (int64_t first = 0; first < request.depth; first += length) {
        const int64_t end = std::min(first + length, request.depth);
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
            for (int v = 0; v < VECTORS; v++) sum[r][v] = request.chunk ? start : outer[r][v];
        for (int64_t k = first; k < end; k++) {
#pragma GCC unroll 8
            for (int r = 0; r < ROWS; r++) {
                const int64_t place = row + (r < rows ? r : 0);
                const V a = spread(request.a[place * request.depth + k]);
                V a_top = V{};
                if (KIND == WINDOW_STEP) a_top = spread(request.a_top[place * request.depth + k]);
                if (RANDOM) drawn[r].draw(request, place, column, k, 0);
                if (RANDOM && KIND == CASCADE_STEP) of_products[r].draw(request, place, column, k, 1);
#pragma GCC unroll 8
                for (int v = 0; v < VECTORS; v++) {
                    V threshold = V{}, product_threshold = V{}, b_top = V{};
                    if (RANDOM) threshold = drawn[r].threshold(request.random, v);
                    if (RANDOM && KIND == CASCADE_STEP)
                        product_threshold = of_products[r].threshold(request.random, v);
                    if (KIND == WINDOW_STEP) b_top = load<V>(tops + k * PANEL + v * LANES);
                    const V b = load<V>(panel + k * PANEL + v * LANES);
                    sum[r][v] = step(sum[r][v], a, b, a_top, b_top, threshold, product_threshold);
                }
            }
        }
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
            for (int v = 0; v < VECTORS; v++)
                outer[r][v] = request.chunk ? step.plus(outer[r][v], sum[r][v], V{}) : sum[r][v];
    }
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
        for (int v = 0; v < VECTORS; v++) result[r][v] = outer[r][v];
}

template <int KIND, bool RANDOM, class Step> void multiply(const Request &request) {
    const Step step{request};
    const int64_t panels = (request.columns + PANEL - 1) / PANEL;
    share(request.threads, panels, [&](int64_t index) {
        const int64_t column = index * PANEL, width = std::min(PANEL, request.columns - column);
        std::vector<REAL> panel(
            (request.depth * (KIND == WINDOW_STEP ? 2 : 1) + 1) * PANEL, request.start);
        for (int64_t k = 0; k < request.depth; k++) {
            const int64_t from = k * request.columns + column;
            memcpy(&panel[k * PANEL], request.b + from, width * sizeof(REAL));
            if (KIND == WINDOW_STEP)
                memcpy(&panel[(request.depth + 1 + k) * PANEL], request.b_top + from,
                       width * sizeof(REAL));
        }
        if (request.initial)
            memcpy(&panel[request.depth * PANEL], request.initial + column, width * sizeof(REAL));
        for (int64_t row = 0; row < request.rows; row += BLOCK) {
            const int64_t rows = std::min<int64_t>(BLOCK, request.rows - row);
            V result[BLOCK][VECTORS];
            block<BLOCK, KIND, RANDOM>(step, row, rows, column, panel.data(), result);
            for (int64_t r = 0; r < rows; r++)
                memcpy(request.c + (row + r) * request.columns + column, result[r],
                       width * sizeof(REAL));
        }
    });
}

template <int KIND, bool EXACT> void choose(const Request &request) {
    if (request.random.source == NO_WORDS)
        multiply<KIND, false, Step<KIND, EXACT, false>>(request);
    else
        multiply<KIND, true, Step<KIND, EXACT, true>>(request);
}

template <int KIND> void choose_sum(const Request &request) {
    request.exact ? choose<KIND, true>(request) : choose<KIND, false>(request);
}

}  // namespace
