// Matrix products on float64 numbers: every rounding mode, every way of adding that rounds steps.
//
// Sums stay in registers as in gemm32.cc. A panel of columns has as many as a vector of 32-bit
// words, so that random words come from one call for each row.
#include "philox.h"
#include "rounding64.h"
#include "work.h"

namespace {

enum Kind { FUSED_STEP, CASCADE_STEP, WINDOW_STEP };
enum Source { NO_WORDS, COUNTERS, GIVEN };

struct Random {
    int64_t source, width, both;  // both: products take words of a second stream
    double offset;                // added to a word, in units of its last bit: 0 or 1/2
    int64_t ties_to_even;         // an odd word does not reach its threshold itself
    uint32_t key[2], first[3];    // counters: of the first row, the first column, the last word
    int32_t unused;
    const uint32_t *words[2];     // given: K x M x N, of the sums and of the products
};

struct Request {
    const double *a, *b;          // M x K and K x N
    const double *a_top, *b_top;  // powers of two above them, for a window
    double *c;                    // M x N
    int64_t rows, depth, columns, chunk, threads;
    int64_t kind, exact, down;
    double start, window;         // window: 2^-width
    double sum_least;             // of a window: least power of two that a sum is taken to have
    Rounding64 sum, product;
    Random random;
};

constexpr int64_t PANEL = LANES32;
constexpr int BLOCK = VECTOR_BYTES == 64 ? 4 : 2;
constexpr uint32_t PRODUCTS = 0xffffffffu;

// ``x`` cut off below ``unit``, toward zero; it has at most 51 bits above.
ALWAYS F64 cut(F64 x, F64 unit) {
    const F64 c = unit * 6755399441055744.0, magnitude = magnitude_of(x);
    const F64 nearest = (magnitude + c) - c;
    const F64 whole = nearest > magnitude ? nearest - unit : nearest;
    return (F64)((I64)whole | ((I64)x & INT64_MIN));
}

template <int KIND, bool EXACT, bool RANDOM> struct Step {
    const Request &request;
    ALWAYS F64 plus(F64 x, F64 y, F64 threshold) const {
        return rounded<RANDOM>(added<EXACT>(x, y, request.down), threshold, request.sum);
    }
    ALWAYS F64 operator()(F64 c, F64 a, F64 b, F64 a_top, F64 b_top, F64 threshold,
                          F64 product_threshold) const {
        F64 product = a * b;
        if (KIND == FUSED_STEP) return plus(c, product, threshold);
        if (request.random.both)
            product = rounded<RANDOM>(product, product_threshold, request.product);
        else if (KIND == CASCADE_STEP)
            product = rounded<false>(product, F64{}, request.product);
        if (KIND == CASCADE_STEP) return plus(c, product, threshold);
        F64 power = (F64)((I64)c & 0x7ff0000000000000), top = a_top * b_top;
        power = power > spread(request.sum_least) ? power : spread(request.sum_least);
        power = (c == 0.0) | (power == spread(__builtin_inf())) ? F64{} : power * 2.0;
        const F64 unit = (power > top ? power : top) * request.window;
        const F64 sum = cut(c, unit) + cut(product, unit) + 0.0;
        return rounded<RANDOM>(sum, threshold, request.sum);
    }
};

// Random words of one row and one panel: 16 bits for each of eight steps, or 32 for each of four.
struct Drawn {
    U32 word;
    ALWAYS void draw(const Request &request, int64_t row, int64_t column, int64_t k, int which) {
        const Random &random = request.random;
        if (random.source == GIVEN) {
            const uint32_t *from =
                random.words[which] + (k * request.rows + row) * request.columns + column;
            const int64_t width = std::min(PANEL, request.columns - column);
            word = U32{};
            memcpy(&word, from, width * sizeof(uint32_t));
            return;
        }
        const bool narrow = random.width <= 16;
        const int64_t period = narrow ? 8 : 4, place = k % period;
        if (place == 0) {
            U32 columns;
            for (int lane = 0; lane < LANES32; lane++)
                columns[lane] = random.first[1] + uint32_t(column) + lane;
            words = philox(all<U32>(uint32_t(k / period)), columns,
                           all<U32>(random.first[0] + uint32_t(row)), all<U32>(random.first[2]),
                           random.key[0], random.key[1] ^ (which ? PRODUCTS : 0));
        }
        word = narrow ? words.word[place / 2] >> (16 * (place % 2)) : words.word[place];
        word &= uint32_t((uint64_t(1) << random.width) - 1);
    }
    ALWAYS F64 threshold(const Random &random, int half) const {
        U32Half part;
        memcpy(&part, (const char *)&word + half * sizeof part, sizeof part);
        const F64 number = __builtin_convertvector(part, F64);
        const F64 found = 1.0 - (number + random.offset) * (1.0 / double(uint64_t(1) << random.width));
        if (!random.ties_to_even) return found;
        const I64 odd = __builtin_convertvector(part & 1u, I64);
        return (F64)((I64)found + odd);
    }
    Words words;
};

template <int ROWS, int KIND, bool RANDOM, class Step>
void block(const Step &step, int64_t row, int64_t rows, int64_t column, const double *panel,
           F64 (*result)[2]) {
    const Request &request = step.request;
    const F64 start = spread(request.start);
    const double *tops = panel + request.depth * PANEL;
    F64 outer[ROWS][2], sum[ROWS][2];
    Drawn drawn[ROWS], of_products[ROWS];
    for (int r = 0; r < ROWS; r++) outer[r][0] = outer[r][1] = start;
    const int64_t length = request.chunk ? request.chunk : request.depth;
    for (int64_t first = 0; first < request.depth; first += length) {
        const int64_t end = std::min(first + length, request.depth);
        for (int r = 0; r < ROWS; r++) sum[r][0] = sum[r][1] = start;
        for (int64_t k = first; k < end; k++) {
            for (int r = 0; r < ROWS; r++) {
                const int64_t place = row + (r < rows ? r : 0);
                const F64 a = spread(request.a[place * request.depth + k]);
                F64 a_top = F64{};
                if (KIND == WINDOW_STEP) a_top = spread(request.a_top[place * request.depth + k]);
                if (RANDOM) {
                    drawn[r].draw(request, place, column, k, 0);
                    if (request.random.both) of_products[r].draw(request, place, column, k, 1);
                }
                for (int v = 0; v < 2; v++) {
                    F64 threshold = F64{}, product_threshold = F64{}, b_top = F64{};
                    if (RANDOM) {
                        threshold = drawn[r].threshold(request.random, v);
                        if (request.random.both)
                            product_threshold = of_products[r].threshold(request.random, v);
                    }
                    if (KIND == WINDOW_STEP)
                        b_top = load<F64>(tops + k * PANEL + v * LANES64);
                    const F64 b = load<F64>(panel + k * PANEL + v * LANES64);
                    sum[r][v] = step(sum[r][v], a, b, a_top, b_top, threshold, product_threshold);
                }
            }
        }
        for (int r = 0; r < ROWS; r++)
            for (int v = 0; v < 2; v++)
                outer[r][v] = request.chunk ? step.plus(outer[r][v], sum[r][v], F64{}) : sum[r][v];
    }
    for (int r = 0; r < ROWS; r++)
        for (int v = 0; v < 2; v++) result[r][v] = outer[r][v];
}

template <int KIND, bool RANDOM, class Step> void multiply(const Request &request) {
    const Step step{request};
    const int64_t panels = (request.columns + PANEL - 1) / PANEL;
    share(request.threads, panels, [&](int64_t index) {
        const int64_t column = index * PANEL, width = std::min(PANEL, request.columns - column);
        std::vector<double> panel(request.depth * PANEL * (KIND == WINDOW_STEP ? 2 : 1));
        for (int64_t k = 0; k < request.depth; k++) {
            const int64_t from = k * request.columns + column;
            memcpy(&panel[k * PANEL], request.b + from, width * sizeof(double));
            if (KIND == WINDOW_STEP)
                memcpy(&panel[(request.depth + k) * PANEL], request.b_top + from,
                       width * sizeof(double));
        }
        for (int64_t row = 0; row < request.rows; row += BLOCK) {
            const int64_t rows = std::min<int64_t>(BLOCK, request.rows - row);
            F64 result[BLOCK][2];
            block<BLOCK, KIND, RANDOM>(step, row, rows, column, panel.data(), result);
            for (int64_t r = 0; r < rows; r++)
                memcpy(request.c + (row + r) * request.columns + column, result[r],
                       width * sizeof(double));
        }
    });
}

template <int KIND, bool EXACT> void choose(const Request &request) {
    if (request.random.source == NO_WORDS)
        multiply<KIND, false, Step<KIND, EXACT, false>>(request);
    else
        multiply<KIND, true, Step<KIND, EXACT, true>>(request);
}

}  // namespace

extern "C" void gemm64(const Request *request) {
    if (request->kind == WINDOW_STEP) return choose<WINDOW_STEP, true>(*request);
    if (request->kind == CASCADE_STEP)
        request->exact ? choose<CASCADE_STEP, true>(*request) : choose<CASCADE_STEP, false>(*request);
    else
        request->exact ? choose<FUSED_STEP, true>(*request) : choose<FUSED_STEP, false>(*request);
}
